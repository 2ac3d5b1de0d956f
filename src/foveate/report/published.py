"""What arXiv 2109.01486 printed: the AUC of each of its 48 tests."""

from __future__ import annotations

from dataclasses import dataclass, field
from statistics import fmean


@dataclass(frozen=True)
class PublishedTable:
    """One of the paper's result tables.

    The tests are the truth here: five of the means that the paper prints differ by 0.01 from the mean of
    their tests, and its text gives 96.97 for the chest X-rays' GC where its table gives 96.87.
    """

    number: int  # of the table in the paper
    images: int  # in the paper's copy of the data set
    tests: dict[str, tuple[float, float, float]]  # model -> AUC of tests 1 to 3, per cent
    printed_means: dict[str, float]  # model -> the mean as the table prints it
    text_means: dict[str, float] = field(default_factory=dict)  # where the paper's text gives another one

    def mean(self, model: str) -> float | None:
        """Mean AUC of a model's three tests, per cent; None where the paper did not try the model."""
        return fmean(self.tests[model]) if model in self.tests else None


PUBLISHED = {
    "skin": PublishedTable(
        1,
        3297,
        {
            "resnet18": (93.50, 93.77, 92.59),
            "resnet18+se": (95.20, 94.83, 95.15),
            "resnet18+cbam": (95.28, 94.73, 95.26),
            "resnet18+gc": (93.32, 93.86, 94.28),
        },
        {"resnet18": 93.28, "resnet18+se": 95.06, "resnet18+cbam": 95.09, "resnet18+gc": 93.82},
    ),
    "cxr": PublishedTable(
        3,
        5863,
        {
            "resnet18": (98.57, 97.85, 95.40),
            "resnet18+se": (98.93, 99.15, 99.30),
            "resnet18+cbam": (99.22, 98.98, 99.16),
            "resnet18+gc": (98.16, 96.43, 96.01),
        },
        {"resnet18": 97.27, "resnet18+se": 99.13, "resnet18+cbam": 99.12, "resnet18+gc": 96.87},
        {"resnet18+gc": 96.97},
    ),
    "mri": PublishedTable(
        5,
        3264,
        {
            "resnet18": (93.15, 92.49, 95.37),
            "resnet18+se": (98.43, 96.29, 93.34),
            "resnet18+cbam": (95.74, 97.30, 97.25),
            "resnet18+gc": (93.01, 87.44, 93.28),
        },
        {"resnet18": 93.68, "resnet18+se": 96.03, "resnet18+cbam": 96.77, "resnet18+gc": 91.25},
    ),
    "ct": PublishedTable(
        6,
        812,
        {
            "resnet18": (87.79, 87.61, 78.99),
            "resnet18+se": (85.43, 90.86, 88.13),
            "resnet18+cbam": (90.37, 93.25, 89.45),
            "resnet18+gc": (84.68, 82.36, 85.66),
        },
        {"resnet18": 84.80, "resnet18+se": 88.14, "resnet18+cbam": 91.02, "resnet18+gc": 84.23},
    ),
}


@dataclass(frozen=True)
class Slip:
    """A mean that the paper prints and that is not the mean of the tests that it prints beside it."""

    model: str
    printed: float
    mean: float  # of the three tests
    where: str  # "table 1", "text"


def published_slips(name: str) -> list[Slip]:
    """The printed means of one of the paper's data sets that differ from the mean of its tests by rounding or more."""
    paper = PUBLISHED.get(name)
    if paper is None:
        return []
    found = []
    for where, means in ((f"table {paper.number}", paper.printed_means), ("text", paper.text_means)):
        for model, printed in means.items():
            mean = fmean(paper.tests[model])
            if abs(printed - mean) > 0.005 + 1e-9:
                found.append(Slip(model, printed, mean, where))
    return found
