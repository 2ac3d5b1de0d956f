"""One data set of a study: where its images lie, what a table says of them, which labels are disease."""

from __future__ import annotations

import unicodedata
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

PHANTOM = "phantom"  # the data-set source that is built in


def absolute(path: str, folder: Path | None = None) -> str:
    """A path that holds from anywhere, seen from `folder` or from where the program was started."""
    return str((folder or Path()).joinpath(Path(path).expanduser()).resolve())


class Strict(BaseModel):
    """Unknown keys are errors, values never change after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class NameAndLabel(Strict):
    """The columns of a table that name an image and its label."""

    path: str = "path"  # the image's file; without folder or ending where that is clear
    # Several: one column a class, with 1 in the one that holds.
    label: Annotated[tuple[str, ...], Field(min_length=1)] = ("label",)

    @field_validator("label", mode="before")
    @classmethod
    def _one_is_a_list_of_one(cls, value: Any) -> Any:
        return (value,) if isinstance(value, str) else value


class Columns(NameAndLabel):
    """The columns of a data set's table; a None is read where the table has a column of that very name."""

    patient: str | None = None
    split: str | None = None  # train, val or test
    mask: str | None = None  # the lesion mask's file
    site: str | None = None  # hospital or device
    frame: str | None = None  # the number, from 0, of the picture in a file that holds several


class Dataset(Strict):
    """One collection of images with one question: diseased or not, told from two classes or from several."""

    source: str | None = None  # a folder, a zip of one, a MedMNIST .npz, or "phantom"
    table: str | None = None  # a table of the images in the source, instead of its folders
    columns: Columns = Columns()  # of that table
    label_table: str | None = None  # a second table, where the labels do not stand in the first
    label_columns: NameAndLabel = NameAndLabel()
    rules: Literal["skin", "cxr", "mri", "ct"] | None = None  # one of the paper's data sets as its source packs it
    merge: dict[str, tuple[str, ...]] = {}  # a label and the labels that it takes the place of
    masks: str | None = None  # a folder of lesion masks that mirrors the folder of images
    regions: str | None = None  # a table of boxes or points on lesions, for images without a mask
    positive: tuple[str, ...] = ()  # the labels that count as disease; the others are the other class
    each_class: bool = False  # train on every label as a class of its own, instead of two
    title: str = ""  # as it stands in the report; the name where empty
    published: Literal["skin", "cxr", "mri", "ct"] | None = None  # the paper's table to stand beside ours
    epochs: Annotated[int, Field(ge=1)] | None = None  # overrides recipe.epochs
    phantom_images: Annotated[int, Field(ge=20)] = 480  # for source: phantom
    phantom_size: Annotated[int, Field(ge=32)] = 128

    @field_validator("source", "masks", "regions", "table", "label_table")
    @classmethod
    def _paths_hold_from_anywhere(cls, value: str | None) -> str | None:
        return value if value is None or value == PHANTOM else absolute(value)

    @field_validator("positive", mode="before")
    @classmethod
    def _one_is_a_list_of_one(cls, value: Any) -> Any:
        return _labels(value)

    @field_validator("merge", mode="before")
    @classmethod
    def _merged_are_lists(cls, value: Any) -> Any:
        return {_label(k): _labels(v) for k, v in value.items()} if isinstance(value, dict) else value

    @model_validator(mode="after")
    def _parts_fit_together(self) -> Dataset:
        tabled = {"label_table": self.label_table is not None, "columns": self.columns != Columns()}
        for key, given in tabled.items():
            if given and self.table is None:
                raise ValueError(f"{key} goes with table: name the table of the images")
        if self.label_columns != NameAndLabel() and self.label_table is None:
            raise ValueError("label_columns goes with label_table: name the table of the labels")
        if self.rules is not None and self.table is not None:
            raise ValueError("rules and table exclude each other: the rules read the data set as its source packs it")
        merged = [label for labels in self.merge.values() for label in labels]
        for label in merged:
            if merged.count(label) > 1:
                raise ValueError(f"merge names the label {label!r} twice")
        return self


def _label(value: Any) -> Any:
    """A label as text: a bare 1 may be a number. Raises ValueError for what may be spelt in several ways."""
    if isinstance(value, (bool, float, date)) or value is None:
        raise ValueError(f"{value!r} is no label: write it in quotes, as the class is named, such as 'yes' or '1.0'")
    return unicodedata.normalize("NFC", str(value)) if isinstance(value, (int, str)) else value


def _labels(value: Any) -> Any:
    """Labels as a list of texts; one is a list of one, none an empty one."""
    if value is None:
        return ()
    return tuple(_label(one) for one in value) if isinstance(value, (list, tuple)) else (_label(value),)
