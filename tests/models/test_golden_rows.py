"""Which rows are remembered: always a hundred, never very many, with what a model may meet one day."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.neural_network import BernoulliRBM
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, OrdinalEncoder

from batch_scorer.core.errors import GoldenRowsDiffer, SignatureInvalid
from batch_scorer.core.models import EXACT, ColumnSpec, Method, ModelManifest, Tolerance
from batch_scorer.models.registering.about import About
from batch_scorer.models.registering.golden_rows import MIN_ROWS, golden_inputs
from batch_scorer.models.registering.register import register
from batch_scorer.models.registry.files import FileRegistry
from batch_scorer.models.scoring.loader import load_model
from tests.models.conftest import make_rides


def specs(n_numbers: int, n_texts: int) -> tuple[ColumnSpec, ...]:
    numbers = [(f"n{i}", "float64", "float64") for i in range(n_numbers)]
    texts = [(f"t{i}", "string", "str") for i in range(n_texts)]
    return tuple(
        ColumnSpec(name=name, type=kind, nullable=True, pandas_dtype=dtype)
        for name, kind, dtype in numbers + texts
    )


def table(columns: tuple[ColumnSpec, ...], n_rows: int) -> pa.Table:
    return pa.table(
        {
            spec.name: pa.array(
                [float(row) if spec.type == "float64" else f"text {row}" for row in range(n_rows)]
            )
            for spec in columns
        }
    )


@settings(deadline=None, max_examples=25)
@given(
    n_rows=st.integers(1, 400),
    n_numbers=st.integers(1, 90),
    n_texts=st.integers(0, 90),
    picky=st.sampled_from([0, 1, 2, 7]),
)
def test_there_are_a_hundred_and_never_very_many_and_all_are_accepted(
    n_rows: int, n_numbers: int, n_texts: int, picky: int
) -> None:
    columns = specs(n_numbers, n_texts)
    real = table(columns, n_rows)

    def accepts(rows: pa.Table) -> np.ndarray:
        """Picky ones want no more than so many nulls in a row, and no two columns of unlike rows."""
        nulls = np.sum([column.is_null().to_numpy() for column in rows.columns], axis=0)
        return np.asarray(nulls <= picky if picky else nulls >= 0)

    found = golden_inputs(real, columns, accepts)
    assert MIN_ROWS <= len(found.rows) <= 500
    assert accepts(found.rows).all()
    assert found.nullable == {spec.name for spec in columns}
    assert found.rows.schema == real.schema
    assert golden_inputs(real, columns, accepts).rows.equals(found.rows)
    if n_rows <= 200:
        assert found.rows.slice(0, n_rows).equals(real)
    if picky in (0, 7) or n_numbers + n_texts <= 60:
        assert all(column.null_count for column in found.rows.columns)
        for spec in columns[n_numbers:]:
            assert pc.any(pc.starts_with(found.rows[spec.name], "never seen")).as_py()


def test_a_model_that_takes_no_mixture_is_remembered_by_copies() -> None:
    columns = specs(2, 0)
    real = table(columns, 7)

    def accepts(rows: pa.Table) -> np.ndarray:
        return np.asarray(pc.fill_null(pc.equal(rows["n0"], rows["n1"]), False))

    found = golden_inputs(real, columns, accepts)
    assert len(found.rows) == MIN_ROWS
    assert accepts(found.rows).all()
    assert found.nullable == frozenset()


RIDES = make_rides(300, seed=3)


def remembered(
    registry: FileRegistry, model: Any, reference: pd.DataFrame, tolerance: Tolerance = EXACT
) -> tuple[ModelManifest, pa.Table, pa.Table]:
    manifest = register(
        model, registry=registry, name="m", reference=reference, who="ada", about=About(tolerance=tolerance)
    )
    directory = registry.root / "m" / str(manifest.version)
    load_model(registry.resolve(f"m@{manifest.version}"))
    return (
        manifest,
        pq.read_table(directory / "golden_input.parquet"),
        pq.read_table(directory / "golden_output.parquet"),
    )


def test_where_most_rows_are_refused_there_are_a_hundred_all_the_same(registry: FileRegistry) -> None:
    gaps = RIDES.assign(fare=RIDES.fare.where(RIDES.index % 20 == 0))
    model = GaussianNB().fit(gaps.dropna(subset="fare")[["fare", "hour"]], gaps.dropna(subset="fare").big_tip)
    manifest, inputs, outputs = remembered(registry, model, gaps)
    assert len(inputs) == len(outputs) == manifest.n_golden_rows == 100
    assert inputs["fare"].null_count == 0
    assert "reference rows are no golden rows: ValueError" in manifest.notes


def test_every_method_is_remembered(registry: FileRegistry) -> None:
    known = RIDES.dropna(subset="fare")
    model = LogisticRegression().fit(known[["fare", "hour"]], known.payment_type)
    _, inputs, outputs = remembered(registry, model, known)
    assert outputs.column_names == [
        "predict",
        *(f"predict_proba[{n}]" for n in range(3)),
        *(f"decision_function[{n}]" for n in range(3)),
    ]
    own = model.predict_proba(inputs.to_pandas())
    np.testing.assert_allclose(outputs["predict_proba[2]"], own[:, 2], rtol=1e-12)


def test_an_unseen_text_is_remembered_only_where_the_model_takes_it(registry: FileRegistry) -> None:
    known = RIDES.dropna()
    strict = make_pipeline(
        ColumnTransformer(
            [
                ("a", OneHotEncoder(), ["payment_type"]),
                ("b", OneHotEncoder(handle_unknown="ignore"), ["company"]),
            ]
        ),
        LogisticRegression(),
    ).fit(known[["payment_type", "company"]], known.big_tip)
    _, inputs, _ = remembered(registry, strict, known)
    assert set(inputs["payment_type"].to_pylist()) <= {"Cash", "Credit Card", "Unknown"}
    assert any(text and text.startswith("never seen") for text in inputs["company"].to_pylist())


def test_a_category_is_remembered_with_its_nulls(registry: FileRegistry) -> None:
    typed = RIDES.assign(company=RIDES.company.astype("category"))
    model = HistGradientBoostingClassifier(max_iter=2, categorical_features="from_dtype", random_state=0)
    model.fit(typed[["company", "fare"]], typed.big_tip)
    manifest, inputs, _ = remembered(registry, model, typed)
    assert {spec.name for spec in manifest.signature.columns if spec.nullable} == {"company", "fare"}
    assert inputs["company"].null_count > 0


def test_a_table_of_very_many_columns_has_some_hundred_golden_rows(registry: FileRegistry) -> None:
    rng = np.random.default_rng(0)
    wide = pd.DataFrame(rng.random((400, 300)), columns=[f"c{n}" for n in range(300)])
    wide = wide.mask(rng.random(wide.shape) < 0.01)
    model = make_pipeline(SimpleImputer(), GaussianNB()).fit(wide, rng.integers(0, 2, 400))
    manifest, inputs, _ = remembered(registry, model, wide)
    assert 100 <= manifest.n_golden_rows <= 500
    assert all(column.null_count for column in inputs.columns)


def with_noise(frame: pd.DataFrame) -> pd.DataFrame:
    return frame + np.random.default_rng().normal(0, 1e-9, frame.shape)


def test_a_model_that_answers_otherwise_when_asked_again_is_refused(registry: FileRegistry) -> None:
    on_off = (RIDES[["hour", "big_tip"]] > 0).astype(float)
    model = BernoulliRBM(2, n_iter=2).fit(on_off)  # its score_samples flips a bit of each row by chance
    with pytest.raises(GoldenRowsDiffer, match="the model is not deterministic: asked twice") as caught:
        register(model, registry=registry, name="m", reference=on_off, who="ada")
    assert ", score_samples\n        expected " in caught.value.what
    assert "from     hour=" in caught.value.what
    assert "random_state" in str(caught.value.fix)
    assert "--rtol" in str(caught.value.fix)
    assert caught.value.exit_code == 5
    assert registry.names() == ()


def test_chance_that_a_seed_repeats_still_depends_on_the_batch_and_is_refused(registry: FileRegistry) -> None:
    on_off = (RIDES[["hour", "big_tip"]] > 0).astype(float)
    model = BernoulliRBM(2, n_iter=2, random_state=0).fit(on_off)
    with pytest.raises(SignatureInvalid, match="depends on the other rows of its batch"):
        register(model, registry=registry, name="m", reference=on_off, who="ada")
    assert registry.names() == ()


def test_a_model_that_is_a_little_off_is_taken_with_a_tolerance(registry: FileRegistry) -> None:
    known = RIDES.dropna(subset="fare")
    model = FunctionTransformer(with_noise).fit(known[["fare"]])

    def add(tolerance: Tolerance) -> ModelManifest:
        return register(
            model, registry=registry, name="m", reference=known, who="ada", allow_pickle=True,
            about=About(tolerance=tolerance),
        )  # fmt: skip

    with pytest.raises(GoldenRowsDiffer, match="not deterministic"):
        add(EXACT)
    manifest = add(Tolerance(atol=1e-6))
    assert manifest.tolerance == Tolerance(atol=1e-6)
    assert load_model(registry.resolve("m@1")).manifest.signature.outputs == {Method.TRANSFORM: (1,)}


def test_ordinal_codes_of_what_was_never_seen_are_remembered(registry: FileRegistry) -> None:
    encoder = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    model = encoder.fit(RIDES[["payment_type", "company"]])
    _, inputs, outputs = remembered(registry, model, RIDES)
    codes = outputs["transform[1]"].to_numpy()
    unseen = [bool(text and text.startswith("never seen")) for text in inputs["company"].to_pylist()]
    assert set(codes[unseen]) == {-1.0}
