"""What is known of the paper's four data sets: where they come from, what they hold, and what is wrong with them.

Counts are those of a copy that was counted, or of the source's page, as each card says. A licence stands here only
where the source states it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from foveate.data.sources.source import SourceImage

_SEE = "see the source's page"
Counts = dict[str, dict[str, int]]  # the archive's own split -> label -> images


@dataclass(frozen=True)
class Card:
    """A data set's card."""

    name: str
    title: str
    page: str  # the source's address
    licence: str
    citation: str
    counts: Counts
    counted: str  # where the counts come from
    certain: bool  # whether they were counted, not only read
    patients: str
    problems: tuple[str, ...]
    kaggle: str = ""  # the data set's name on Kaggle

    @property
    def images(self) -> int:
        return sum(sum(labels.values()) for labels in self.counts.values())

    def text(self) -> str:
        """The card as lines for a person."""
        lines = [
            f"{self.name}: {self.title}",
            f"  source    {self.page}",
            f"  licence   {self.licence}",
            f"  images    {self.images:,} ({self.counted})",
        ]
        for split, labels in self.counts.items():
            lines.append(f"    {split:<6}  " + ", ".join(f"{label} {count:,}" for label, count in labels.items()))
        lines += [f"  patients  {self.patients}", "  known problems"]
        lines += [f"  - {problem}" for problem in self.problems]
        return "\n".join([*lines, f"  cite      {self.citation}"])

    def differences(self, images: Sequence[SourceImage]) -> list[str]:
        """Where the images' counts by split and label are not those of the card, a line each."""
        found = Counter((image.split, image.label) for image in images)
        known = {(split, label): count for split, labels in self.counts.items() for label, count in labels.items()}
        return [
            f"{' '.join(filter(None, key))}: {found[key]:,} images, {known.get(key, 0):,} on the card"
            for key in dict.fromkeys([*known, *sorted(found)])
            if found[key] != known.get(key, 0)
        ]


CARDS = {
    card.name: card
    for card in (
        Card(
            name="skin",
            title="Skin Cancer: Malignant vs. Benign (dermoscopy, from the ISIC archive)",
            page="https://www.kaggle.com/datasets/fanconic/skin-cancer-malignant-vs-benign",
            kaggle="fanconic/skin-cancer-malignant-vs-benign",
            licence=_SEE,
            citation="the Kaggle page above, and the ISIC archive, as the page asks",
            counts={"train": {"benign": 1440, "malignant": 1197}, "test": {"benign": 360, "malignant": 300}},
            counted="as published, not counted by us",
            certain=False,
            patients="none: the files were renumbered, so neither patients nor lesions can be told apart",
            problems=(
                "grouping by lesion is impossible without matching the images back to ISIC by their pixels",
                "'malignant' is not melanoma only; the classes are balanced artificially: prevalence is not clinical",
                "rulers, ink, hairs and dark corners: models score without looking at the lesion",
                "Cassidy et al. 2022 (MedIA 75:102305) removed 14,310 duplicates from the ISIC 2016-20 training sets",
            ),
        ),
        Card(
            name="cxr",
            title="Chest X-Ray Images (Pneumonia), children of 1 to 5 years",
            page="https://www.kaggle.com/datasets/paultimothymooney/chest-xray-pneumonia",
            kaggle="paultimothymooney/chest-xray-pneumonia",
            licence="CC BY 4.0, as stated by the source",
            citation="Kermany et al., Cell 172:1122 (2018); Mendeley Data 10.17632/rscbjbr9sj",
            counts={
                "train": {"NORMAL": 1341, "PNEUMONIA": 3875},
                "val": {"NORMAL": 8, "PNEUMONIA": 8},
                "test": {"NORMAL": 234, "PNEUMONIA": 390},
            },
            counted="train and test counted on a copy; published as 5,863",
            certain=True,
            patients="in the file's name: person + bacteria or virus; IM-0115 and NORMAL2-IM-0666 for normal ones",
            problems=(
                "personN alone finds 170 patients on both sides of the split: bacteria and virus are numbered apart",
                "up to about 30 images of one patient: a random split by image leaks",
                "34 identical pairs in a copy of 5,840, 33 of them of one patient, none across the archive's split",
                "the val part of 16 images is too small to choose anything by",
                "the test part is distributed otherwise: high sensitivity, low specificity at 0.5",
                "some downloads pack a second copy of all images in chest_xray/chest_xray: it is not read",
            ),
        ),
        Card(
            name="mri",
            title="Brain Tumor Classification (MRI)",
            page="https://www.kaggle.com/datasets/sartajbhuvaji/brain-tumor-classification-mri",
            kaggle="sartajbhuvaji/brain-tumor-classification-mri",
            licence=_SEE,
            citation="Bhuvaji et al., Brain Tumor Classification (MRI), Kaggle (2020)",
            counts={
                "train": {"glioma_tumor": 826, "meningioma_tumor": 822, "no_tumor": 395, "pituitary_tumor": 827},
                "test": {"glioma_tumor": 100, "meningioma_tumor": 115, "no_tumor": 105, "pituitary_tumor": 74},
            },
            counted="counted on the author's copy on GitHub",
            certain=True,
            patients="none, although one patient gives many slices",
            problems=(
                "251 of 394 test images (63.7 %) are identical to a training image once decoded, only 88 of them as "
                "files; 259 with near duplicates: any AUC on the archive's split is contaminated",
                "2,870 different images among 3,264",
                "5 of 500 no_tumor images are 512 x 512, 84.5 % of the tumours: size alone separates them, AUC .918",
                "at least 2 test gliomas are the same slice as a training meningioma",
                "slices of one patient stand on both sides on top of that, and cannot be told",
            ),
        ),
        Card(
            name="ct",
            title="COVID-CT: slices of lung CT",
            page="https://github.com/UCSD-AI4H/COVID-CT",
            licence=f"none stated; figures of papers, whose authors and publishers hold the copyright: {_SEE}",
            citation="Yang, He, Zhao, Zhang, Zhang, Xie: COVID-CT-Dataset, arXiv 2003.13865 (2020)",
            counts={
                "train": {"COVID": 191, "NonCOVID": 234},
                "val": {"COVID": 60, "NonCOVID": 58},
                "test": {"COVID": 98, "NonCOVID": 105},
            },
            counted="counted on a copy; the paper's 812 are not in the public archives",
            certain=True,
            patients="in two tables: 213 of COVID, 171 of NonCOVID",
            problems=(
                "the file format marks the class: all 174 RGBA files are COVID, 202 of 236 JPEGs NonCOVID",
                "p23 in a file's name is a page of a PDF, not a patient",
                "the official test list of COVID has 98 lines but 97 files: one line is doubled",
                "the images are figures cut from PDFs, with arrows, text and compression",
                "the paper 2020.03.13.20035212 gives images to train and val",
            ),
        ),
    )
}
