#!/usr/bin/env python3
"""matgrad's estimators beside scikit-learn's own: same data, same splits, same settings.

    python side_by_side.py FOLDER        a folder of the tables named below (target in the last column)

Prints, for each table, the mean score over five seeds (accuracy; R² for numbers), its difference in
points, and the ratio of the fit times: of each seed the shortest of five fits, the two in turn, so
that what else the machine does touches both; the median over the seeds. One thread each.
"""

import os

os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")

import statistics
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import sklearn.neural_network as theirs
from sklearn.compose import make_column_transformer
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import OneHotEncoder, StandardScaler

import matgrad

TABLES = {  # name: (file, has a header, target is a number)
    "iris": ("iris.csv", True, False),
    "wine": ("wine.csv", True, False),
    "breast cancer": ("breast_cancer.csv", True, False),
    "ionosphere": ("ionosphere.csv", False, False),
    "vehicle": ("vehicle.csv", False, False),
    "vowel": ("vowel.csv", False, False),
    "german credit": ("german.csv", False, False),
    "segment": ("segment.csv.gz", False, False),
    "digits": ("digits8x8.csv", True, False),
    "diabetes": ("diabetes_sklearn.csv", True, True),
}
SEEDS = range(5)
FITS = 5


def table(folder, file, header):
    frame = pd.read_csv(Path(folder) / file, header=0 if header else None, skipinitialspace=True)
    X, y = frame.iloc[:, :-1], frame.iloc[:, -1]
    words = [c for c in X.columns if not pd.api.types.is_numeric_dtype(X[c])]
    numbers = [c for c in X.columns if c not in words]
    return X, y, make_column_transformer(
        (StandardScaler(), numbers),
        (OneHotEncoder(handle_unknown="ignore", sparse_output=False), words),
    )


def timed(estimator, X, y):
    start = time.perf_counter()
    estimator.fit(X, y)
    return time.perf_counter() - start


def main(folder):
    warnings.simplefilter("ignore")
    print(f"{'table':<15}{'scikit-learn':>13}{'matgrad':>9}{'points':>8}{'times as fast':>15}")
    ratios, points = [], []
    for name, (file, header, number) in TABLES.items():
        X, y, transform = table(folder, file, header)
        kind = "MLPRegressor" if number else "MLPClassifier"
        scores, times = ([], []), ([], [])
        for seed in SEEDS:
            split = train_test_split(X, y, random_state=seed, stratify=None if number else y)
            train, test, target, wanted = split
            train, test = transform.fit_transform(train), transform.transform(test)
            if number:  # in units of its deviation, as scikit-learn's loss wants it
                mean, deviation = target.mean(), target.std()
                target, wanted = (target - mean) / deviation, (wanted - mean) / deviation
            pair = [getattr(module, kind)(random_state=seed) for module in (theirs, matgrad)]
            rounds = [[timed(e, train, np.asarray(target)) for e in pair] for _ in range(FITS)]
            for k, estimator in enumerate(pair):
                times[k].append(min(seconds[k] for seconds in rounds))
                scores[k].append(estimator.score(test, np.asarray(wanted)))
        means = [statistics.mean(s) for s in scores]
        ratio = statistics.median(a / b for a, b in zip(*times, strict=True))
        ratios.append(ratio)
        points.append(100 * (means[1] - means[0]))
        print(f"{name:<15}{means[0]:>13.4f}{means[1]:>9.4f}{points[-1]:>+8.2f}{ratio:>15.1f}")
    mean = statistics.geometric_mean(ratios)
    print(f"{'mean':<15}{'':>13}{'':>9}{statistics.mean(points):>+8.2f}{mean:>15.1f}")


if __name__ == "__main__":
    main(sys.argv[1])
