"""The arithmetic of the forecast: least squares with a trend, a week and a memory. Knows no date and no mail."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import log, sqrt
from operator import mul
from statistics import NormalDist
from typing import TypeAlias

_WIDTH = 8
"""The regressors: one, the trend, and six of the seven days of the week."""
_MEMORIES = tuple(step / 20 for step in range(-4, 20))
"""The memories tried: -0.2 to 0.95."""

Matrix: TypeAlias = list[list[float]]


@dataclass(frozen=True, slots=True)
class Fit:
    """A fitted pattern. `memory` is the share of one day's error that the next day keeps, `variance` that of its news.

    `inverse` is the inverse of X'V⁻¹X, `error` that of the last day, `freedom` the degrees of freedom, `likelihood` the
    log likelihood, to compare scales by (the restricted one may not be compared across them).
    """

    size: int
    last_weekday: int
    coefficients: tuple[float, ...]
    memory: float
    variance: float
    inverse: tuple[tuple[float, ...], ...]
    error: float
    freedom: int
    likelihood: float


def fit(z: Sequence[float], weekdays: Sequence[int]) -> Fit:
    """Fit `z` (one value a day, at least 9) with its `weekdays` (0 to 6)."""
    size = len(z)
    rows = [[*_row(t, weekdays[t], size), z[t]] for t in range(size)]
    moments = _moments(rows)
    memory = max(_MEMORIES, key=lambda one: _restricted(_joined(moments, one), one, size))
    joined = _joined(moments, memory)
    inverse = _inverted([row[:_WIDTH] for row in joined[:_WIDTH]])
    coefficients = [_dot(row, [one[_WIDTH] for one in joined[:_WIDTH]]) for row in inverse]
    left_over = _triangle(joined)[_WIDTH][_WIDTH] ** 2
    return Fit(
        size=size,
        last_weekday=weekdays[-1],
        coefficients=tuple(coefficients),
        memory=memory,
        variance=left_over / (size - _WIDTH),
        inverse=tuple(tuple(row) for row in inverse),
        error=z[-1] - _dot(coefficients, rows[-1]),
        freedom=size - _WIDTH,
        likelihood=-0.5 * (size * log(left_over / size) - log(1 - memory * memory)),
    )


def _restricted(joined: Matrix, memory: float, size: int) -> float:
    """Give the restricted log likelihood of a memory; its Cholesky factor holds the determinant and what is left."""
    factor = _triangle(joined)
    log_determinant = 2 * sum(log(factor[i][i]) for i in range(_WIDTH))
    variance = factor[_WIDTH][_WIDTH] ** 2 / (size - _WIDTH)
    return -0.5 * ((size - _WIDTH) * log(variance) + log_determinant - log(1 - memory * memory))


def predict(fitted: Fit, step: int, share: float) -> tuple[float, float]:
    """Give the middle and the half width of the range that holds `share` of the days `step` days after the last."""
    kept = fitted.memory**step
    here = _row(fitted.size - 1 + step, (fitted.last_weekday + step) % 7, fitted.size)
    last = _row(fitted.size - 1, fitted.last_weekday, fitted.size)
    middle = _dot(fitted.coefficients, here) + kept * fitted.error
    apart = [one - kept * two for one, two in zip(here, last, strict=True)]
    of_fit = _dot(apart, [_dot(row, apart) for row in fitted.inverse])
    of_news = (1 - kept * kept) / (1 - fitted.memory**2)
    # The memory and the scale were estimated too, which costs two more degrees of freedom.
    variance = fitted.variance * fitted.freedom / (fitted.freedom - 2)
    return middle, student(0.5 + share / 2, fitted.freedom - 2) * sqrt(variance * (of_news + of_fit))


def student(probability: float, freedom: int) -> float:
    """Give the quantile of Student's t by its expansion about the normal one (Abramowitz and Stegun 26.7.5)."""
    x = NormalDist().inv_cdf(probability)
    first = (x**3 + x) / 4
    second = (5 * x**5 + 16 * x**3 + 3 * x) / 96
    third = (3 * x**7 + 19 * x**5 + 17 * x**3 - 15 * x) / 384
    return x + first / freedom + second / freedom**2 + third / freedom**3


def _row(t: int, weekday: int, size: int) -> list[float]:
    """Give the regressors of day `t`; the trend is centred and about one wide, so that nothing is ill conditioned."""
    row = [1.0, (t - (size - 1) / 2) / size, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]
    if weekday:
        row[1 + weekday] = 1.0
    return row


Moments: TypeAlias = tuple[Matrix, Matrix, Matrix]


def _moments(rows: Sequence[Sequence[float]]) -> Moments:
    """Give the sums of products: of all days, of neighbours (both ways), and of the days with two neighbours.

    X'V⁻¹X is whole - m lagged + m² inner for any memory m, so that trying many costs next to nothing.
    """
    width = range(_WIDTH + 1)
    columns = [[row[i] for row in rows] for i in width]
    later, earlier = [column[1:] for column in columns], [column[:-1] for column in columns]
    whole = _mirrored([[_dot(columns[i], columns[j]) for j in range(i + 1)] for i in width])
    forward = [[_dot(later[i], earlier[j]) for j in width] for i in width]
    lagged = [[forward[i][j] + forward[j][i] for j in width] for i in width]
    first, last = rows[0], rows[-1]
    inner = [[whole[i][j] - first[i] * first[j] - last[i] * last[j] for j in width] for i in width]
    return whole, lagged, inner


def _mirrored(half: Matrix) -> Matrix:
    return [[half[max(i, j)][min(i, j)] for j in range(len(half))] for i in range(len(half))]


def _joined(moments: Moments, memory: float) -> Matrix:
    """Give [X y]'V⁻¹[X y] for one memory."""
    square = memory * memory
    return [[a - memory * b + square * c for a, b, c in zip(*rows, strict=True)] for rows in zip(*moments, strict=True)]


def _triangle(matrix: Matrix) -> Matrix:
    """Give the lower Cholesky factor. What rounding would make negative is the smallest share that counts instead."""
    factor: Matrix = []
    for i, row in enumerate(matrix):
        made: list[float] = []
        for j in range(i):
            made.append((row[j] - _dot(made, factor[j][:j])) / factor[j][j])
        made.append(sqrt(max(row[i] - _dot(made, made), 1e-12 * (1.0 + row[i]))))
        factor.append(made)
    return factor


def _inverted(matrix: Matrix) -> Matrix:
    """Give the inverse of a positive definite matrix (Gauss and Jordan)."""
    size = len(matrix)
    work = [[*row, *(1.0 if i == j else 0.0 for j in range(size))] for i, row in enumerate(matrix)]
    for i in range(size):
        pivot = work[i][i]
        work[i] = [value / pivot for value in work[i]]
        for k in range(size):
            if k != i and work[k][i]:
                factor = work[k][i]
                work[k] = [one - factor * two for one, two in zip(work[k], work[i], strict=True)]
    return [row[size:] for row in work]


def _dot(one: Sequence[float], two: Sequence[float]) -> float:
    total: float = sum(map(mul, one, two))
    return total
