"""`verify` finds whatever was changed behind our back, says what it is, and changes nothing itself."""

from __future__ import annotations

import hashlib
import json
import shutil
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from batch_scorer.lake.reading import reader
from tests import taxi
from tests.conftest import TaxiProject
from tests.execution import dirty

Damage = Callable[[TaxiProject], object]


@pytest.fixture
def twice(project: TaxiProject) -> TaxiProject:
    """Two days, each published twice: chains of two manifests."""
    project.cli("run", "taxi_tips")
    assert project.cli("run", "taxi_tips", "--reprocess", "all").code == 0
    return project


def found_kinds(project: TaxiProject, *options: str) -> set[str]:
    result = project.cli("--json", "verify", "taxi_tips", *options)
    kinds = {line["kind"] for line in result.lines if line["message_type"] == "finding"}
    assert result.code == (6 if kinds else 0), result.stdout + result.stderr
    assert result.lines[-1]["message_type"] == "summary"
    assert result.lines[-1]["exit_code"] == result.code
    return kinds


def outputs(project: TaxiProject) -> list[Path]:
    return sorted(project.predictions.rglob("*.parquet"))


def manifest(project: TaxiProject, generation: int, index: int = 0) -> Path:
    return project.state / "manifests" / "taxi_tips" / project.day(index).name / f"{generation}.json"


def sql(project: TaxiProject, *statements: str) -> None:
    connection = sqlite3.connect(project.state / "ledger.db")
    for statement in statements:
        connection.execute(statement)
    connection.commit()
    connection.close()


def everything(project: TaxiProject) -> dict[str, bytes]:
    """Every byte of state and predictions, without SQLite's own scratch files."""
    return {
        str(path): path.read_bytes()
        for root in (project.state, project.predictions)
        for path in sorted(root.rglob("*"))
        if path.is_file() and not path.name.endswith(("-wal", "-shm"))
    }


def flip(path: Path, position: float) -> None:
    data = bytearray(path.read_bytes())
    data[min(len(data) - 1, int(position * len(data)))] ^= 0x55
    path.write_bytes(data)


def edit(path: Path, **changes: object) -> None:
    document = json.loads(path.read_text())
    content = json.dumps({**document, **changes}, indent=1, sort_keys=True, ensure_ascii=False)
    path.write_bytes(content.encode() + b"\n")


def test_healthy_predictions_give_one_line_and_nothing_is_written(twice: TaxiProject) -> None:
    before = everything(twice)
    result = twice.cli("verify", "taxi_tips", "--deep", "--rescore", "250")
    assert result.code == 0, result.stdout + result.stderr
    assert result.stdout.startswith("taxi_tips: 2 partitions as recorded, 4 files, 1,200 rows, ")
    assert len(result.stdout.splitlines()) == 1
    assert len(twice.cli("verify", "taxi_tips", "-v").stdout.splitlines()) == 3
    assert everything(twice) == before


def test_a_job_that_never_ran_has_nothing_to_verify(project: TaxiProject) -> None:
    assert project.cli("verify", "taxi_tips").code == 0
    assert not project.state.exists()


def test_a_range_looks_at_its_own_partitions_only(twice: TaxiProject) -> None:
    outputs(twice)[0].unlink()
    assert found_kinds(twice) == {"file missing"}
    assert found_kinds(twice, "--from", "2024-01-02") == set()
    assert found_kinds(twice, "--partition", "ride_date=2024-01-01") == {"file missing"}
    assert twice.cli("verify", "taxi_tips", "--partition", "ride_dat=2024-01-01").code == 2


def _swap_manifests(project: TaxiProject) -> None:
    first, second = manifest(project, 1), manifest(project, 2)
    one, two = first.read_bytes(), second.read_bytes()
    first.write_bytes(two)
    second.write_bytes(one)


def _swap_outputs(project: TaxiProject) -> None:
    first, second = outputs(project)[:2]
    aside = first.with_suffix(".aside")
    first.rename(aside)
    second.rename(first)
    aside.rename(second)


def _cut(project: TaxiProject, number: int) -> None:
    """As if the generation had never been: its record and its manifest gone."""
    manifest(project, number).unlink()
    _drop_rows(project, number)


def _drop_rows(project: TaxiProject, number: int) -> None:
    which = f"partition_path = 'ride_date=2024-01-01' AND number = {number}"
    sql(
        project,
        f"DELETE FROM generation_inputs WHERE generation_id IN (SELECT id FROM generations WHERE {which})",
        f"DELETE FROM generations WHERE {which}",
    )


def _restore_old(project: TaxiProject) -> None:
    place = project.predictions / "ride_date=2024-01-01"
    shutil.rmtree(place)
    shutil.copytree(project.state / "replaced" / "taxi_tips" / place.name / "1", place)


def _link_away(project: TaxiProject) -> None:
    path = outputs(project)[0]
    path.rename(project.root / "elsewhere.parquet")
    path.symlink_to(project.root / "elsewhere.parquet")


def _row(what: str, number: int = 2) -> Damage:
    return lambda project: sql(
        project,
        f"UPDATE generations SET {what} WHERE partition_path = 'ride_date=2024-01-01' AND number = {number}",
    )


SHALLOW: dict[str, tuple[Damage, str]] = {
    "an output file deleted": (lambda p: outputs(p)[0].unlink(), "file missing"),
    "an output file truncated": (
        lambda p: outputs(p)[0].write_bytes(outputs(p)[0].read_bytes()[:-100]),
        "size differs",
    ),
    "an output file emptied": (lambda p: outputs(p)[1].write_bytes(b""), "size differs"),
    "a foreign file beside them": (
        lambda p: (outputs(p)[0].parent / "extra.parquet").write_bytes(b"x"),
        "file unexpected",
    ),
    "a hidden file beside them": (
        lambda p: (outputs(p)[0].parent / ".hidden").touch(),
        "file unexpected",
    ),
    "a copy of an output file": (
        lambda p: shutil.copy(outputs(p)[0], outputs(p)[0].with_name("copy.parquet")),
        "file unexpected",
    ),
    "a directory in a partition": (lambda p: (outputs(p)[0].parent / "sub").mkdir(), "directory unexpected"),
    "a directory in the table": (lambda p: (p.predictions / "junk").mkdir(), "directory unexpected"),
    "a file in the table": (lambda p: (p.predictions / "notes.txt").touch(), "file unexpected"),
    "a partition nobody published": (
        lambda p: (p.predictions / "ride_date=2023-05-05").mkdir(),
        "directory unexpected",
    ),
    "a partition's directory deleted": (lambda p: shutil.rmtree(outputs(p)[0].parent), "directory missing"),
    "an older generation put back": (_restore_old, "directory differs"),
    "a symlink for an output file": (_link_away, "file unexpected"),
    "the newest manifest deleted": (lambda p: manifest(p, 2).unlink(), "manifest missing"),
    "the first manifest deleted": (lambda p: manifest(p, 1).unlink(), "manifest missing"),
    "the newest manifest edited": (lambda p: edit(manifest(p, 2), code_version="9"), "manifest edited"),
    "the manifest's link edited": (lambda p: edit(manifest(p, 2), previous_sha256="0"), "manifest edited"),
    "the newest manifest flipped": (lambda p: flip(manifest(p, 2), 0.5), "manifest edited"),
    "a manifest that is no JSON": (lambda p: manifest(p, 2).write_bytes(b"{"), "manifest edited"),
    "two manifests exchanged": (_swap_manifests, "manifest misplaced"),
    "another day's manifest": (
        lambda p: manifest(p, 2).write_bytes(manifest(p, 2, index=1).read_bytes()),
        "manifest misplaced",
    ),
    "a manifest from nowhere": (
        lambda p: shutil.copy(manifest(p, 2), manifest(p, 7)),
        "manifest unrecorded",
    ),
    "a file among the manifests": (lambda p: manifest(p, 2).with_suffix(".bak").touch(), "file unexpected"),
    "record and manifest of the newest cut": (lambda p: _cut(p, 2), "chain cut"),
    "record of the newest cut": (lambda p: _drop_rows(p, 2), "manifest unrecorded"),
    "record of the first cut": (lambda p: _drop_rows(p, 1), "ledger gap"),
    "record and manifest of the first cut": (
        lambda p: _cut(p, 1),
        "chain broken",
    ),
    "rows in the ledger": (_row("n_read = 601, n_scored = 601"), "ledger differs"),
    "rows that do not add up": (_row("n_scored = 1"), "ledger differs"),
    "the model in the ledger": (_row("model_version = 9"), "ledger differs"),
    "the model's hash in the ledger": (_row("model_sha256 = 'ff'"), "ledger differs"),
    "the config in the ledger": (_row("config_fingerprint = 'ff'"), "ledger differs"),
    "the suites in the ledger": (_row("suite_fingerprint = 'ff'"), "ledger differs"),
    "the stamps in the ledger": (_row("stamps = 'ff'"), "ledger differs"),
    "the run in the ledger": (_row("run_id = (SELECT run_id FROM runs ORDER BY id)"), "ledger differs"),
    "the time in the ledger": (_row("created_at = '2020-01-01T00:00:00.000000Z'"), "ledger differs"),
    "the files in the ledger": (_row("output_names = '[]'"), "ledger differs"),
    "the first manifest's hash in the ledger": (_row("manifest_sha256 = 'ff'", 1), "ledger differs"),
    "the newest manifest's hash in the ledger": (_row("manifest_sha256 = 'ff'"), "manifest edited"),
    "the newest state in the ledger": (_row("state = 'abandoned'"), "directory differs"),
    "the first state in the ledger": (_row("state = 'abandoned'", 1), "chain broken"),
    "a state that does not exist": (_row("state = 'gone'"), "ledger differs"),
    "a number in the ledger": (_row("number = 5"), "ledger gap"),
    "an input's hash in the ledger": (
        lambda p: sql(p, "UPDATE generation_inputs SET sha256 = 'ff'"),
        "ledger differs",
    ),
    "an input's row in the ledger": (
        lambda p: sql(p, "DELETE FROM generation_inputs WHERE path LIKE '%part-1%'"),
        "ledger differs",
    ),
    "a run's row in the ledger": (
        lambda p: sql(p, "DELETE FROM runs WHERE id = 2"),
        "ledger differs",
    ),
}


@pytest.fixture(scope="module")
def original(
    tmp_path_factory: pytest.TempPathFactory, model_files: Callable[[str], tuple[Path, Path]]
) -> Path:
    """A project published twice, made once for all damages; each gets a copy."""
    root = tmp_path_factory.mktemp("original") / "project"
    lake = root / "data" / "lake" / "rides"
    for index, day in enumerate(taxi.days(2)):
        taxi.write_day(lake, day, taxi.rides(600, seed=index, first_id=index * 1_000_000))
    taxi.write_job(root, taxi.job_document())
    artefact, training = model_files("linear")
    from batch_scorer.cli.main import run

    for command in (
        [
            "models",
            "register",
            str(artefact),
            "--name",
            "taxi_tips",
            "--allow-pickle",
            "--reference",
            str(training),
        ],
        ["models", "promote", "taxi_tips@1", "--alias", "champion", "--reason", "first"],
        ["run", "taxi_tips"],
        ["run", "taxi_tips", "--reprocess", "all"],
    ):
        assert run(["-p", str(root), *command]) == 0
    return root


@pytest.fixture
def copied(original: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> TaxiProject:
    shutil.copytree(original, tmp_path / "copy")
    return TaxiProject(tmp_path / "copy", capsys)


def test_a_copy_of_everything_is_as_healthy_as_the_original(copied: TaxiProject) -> None:
    assert found_kinds(copied, "--deep") == set()


@pytest.mark.parametrize("damage", SHALLOW)
def test_each_damage_is_found_without_reading_the_data(copied: TaxiProject, damage: str) -> None:
    do, kind = SHALLOW[damage]
    do(copied)
    before = everything(copied)
    assert kind in found_kinds(copied)
    assert kind in found_kinds(copied, "--deep", "--rescore", "1")
    assert everything(copied) == before


@pytest.mark.parametrize("position", [0.0, 0.0005, 0.1, 0.3, 0.5, 0.7, 0.85, 0.9, 0.95, 0.99, 1.0])
@pytest.mark.parametrize("file", [0, 3])
def test_a_flipped_byte_anywhere_is_found_by_deep(copied: TaxiProject, position: float, file: int) -> None:
    flip(outputs(copied)[file], position)
    assert found_kinds(copied) == set()
    assert "hash differs" in found_kinds(copied, "--deep")


@pytest.mark.parametrize("n_bytes", [1, 100, 5_000])
def test_a_ledger_that_was_cut_short_is_found_by_deep(copied: TaxiProject, n_bytes: int) -> None:
    """Of what is missing of its last page SQLite takes zeros, and queries need not look there."""
    ledger = copied.state / "ledger.db"
    with closing(sqlite3.connect(ledger)) as connection:
        assert connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0
    with ledger.open("r+b") as file:
        file.truncate(ledger.stat().st_size - n_bytes)
    result = copied.cli("verify", "taxi_tips", "--deep")
    assert result.code == 6, result.stdout
    assert "the ledger is damaged" in result.stderr


def test_an_index_of_the_ledger_that_differs_from_its_table_is_found_by_deep(copied: TaxiProject) -> None:
    ledger = copied.state / "ledger.db"
    with closing(sqlite3.connect(ledger)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        where = "SELECT rootpage FROM sqlite_master WHERE name = 'runs_of_parent'"
        (page,) = connection.execute(where).fetchone()
        (page_bytes,) = connection.execute("PRAGMA page_size").fetchone()
    with ledger.open("r+b") as file:
        file.seek(page * page_bytes - 20)
        file.write(b"\xff" * 20)
    assert copied.cli("verify", "taxi_tips").code == 0  # no query needs it
    result = copied.cli("verify", "taxi_tips", "--deep")
    assert result.code == 6, result.stdout
    assert "the ledger is damaged" in result.stderr


def test_exchanged_files_of_one_size_or_not_are_found_by_deep(copied: TaxiProject) -> None:
    _swap_outputs(copied)
    assert "hash differs" in found_kinds(copied, "--deep")


def test_a_page_that_no_longer_decodes_is_told_apart_from_a_changed_hash(copied: TaxiProject) -> None:
    flip(outputs(copied)[0], 0.3)
    assert {"hash differs", "file unreadable"} <= found_kinds(copied, "--deep")


def _forge(project: TaxiProject, change: Callable[[pa.Table], pa.Table], **footer: str) -> None:
    """Edit a published file, then make manifest and ledger agree with it, as somebody who knows all would."""
    path = outputs(project)[0]
    says = {name.decode(): text.decode() for name, text in pq.read_metadata(path).metadata.items()}
    said = {name: text for name, text in says.items() if name.startswith("batch_scorer.")}
    table = change(pq.read_table(path, partitioning=None))
    with pq.ParquetWriter(path, table.schema, compression="zstd", write_page_checksum=True) as writer:
        writer.add_key_value_metadata(said | {f"batch_scorer.{name}": text for name, text in footer.items()})
        writer.write_table(table)
    record = manifest(project, 2)
    document = json.loads(record.read_text())
    entry = next(each for each in document["outputs"] if each["name"] == path.name)
    entry.update(n_bytes=path.stat().st_size, sha256=hashlib.sha256(path.read_bytes()).hexdigest())
    edit(record, outputs=document["outputs"])
    _row(f"manifest_sha256 = '{hashlib.sha256(record.read_bytes()).hexdigest()}'")(project)


def _bumped(table: pa.Table) -> pa.Table:
    scores = table["score"].to_numpy().copy()
    scores[17] = np.nextafter(scores[17], 1.0)
    return table.set_column(table.schema.get_field_index("score"), "score", pa.array(scores))


def test_a_score_altered_by_one_bit_in_a_wholly_forged_record_is_found_by_rescore(
    copied: TaxiProject,
) -> None:
    _forge(copied, _bumped)
    assert found_kinds(copied, "--deep") == set()
    result = copied.cli("verify", "taxi_tips", "--rescore", "600")
    assert result.code == 6
    assert "SCORE DIFFERS" in result.stdout
    assert "ride_id 17" in result.stdout
    assert "fix:" in result.stderr


def test_a_row_removed_from_a_wholly_forged_record_is_found(copied: TaxiProject) -> None:
    _forge(copied, lambda table: table.slice(1))
    assert "rows differ" in found_kinds(copied, "--deep")
    assert "score differs" in found_kinds(copied, "--rescore", "600")


def test_a_forged_column_and_a_forged_footer_are_found_by_deep(copied: TaxiProject) -> None:
    _forge(copied, lambda table: table.append_column("more", pa.nulls(len(table), pa.int8())), run_id="01X")
    assert {"columns differ", "footer differs"} == found_kinds(copied, "--deep")


def test_rescore_takes_whole_batches_and_the_same_rows_each_time(copied: TaxiProject) -> None:
    first = copied.cli("--json", "verify", "taxi_tips", "--rescore", "1").lines[-1]
    assert first["n_rescored"] == 600  # of each day a file, with row groups of 200 and 100 rows: a batch
    assert copied.cli("--json", "verify", "taxi_tips", "--rescore", "1").lines[-1] == first
    assert copied.cli("--json", "verify", "taxi_tips", "--rescore", "9999").lines[-1]["n_rescored"] == 1200


def test_rescore_says_when_the_input_or_the_job_file_changed_since(copied: TaxiProject) -> None:
    copied.add_day(0, n_rows=601)
    result = copied.cli("verify", "taxi_tips", "--rescore", "100")
    assert result.code == 0
    assert "ride_date=2024-01-01: input changed since, not rescored" in result.stderr
    taxi.write_job(copied.root, taxi.job_document(model={"output": {"score": "float32 = proba[1]"}}))
    result = copied.cli("verify", "taxi_tips", "--rescore", "100")
    assert (result.code, result.stderr.count("job file changed since")) == (0, 2)


def test_rescore_says_when_the_recorded_model_is_not_in_the_registry_any_more(copied: TaxiProject) -> None:
    flip(copied.root / "data" / "models" / "taxi_tips" / "1" / "manifest.json", 0.5)
    assert found_kinds(copied, "--rescore", "1") == {"model unusable"}


@pytest.mark.parametrize("model", ["boosted", "forest"])
def test_rescore_agrees_with_a_run_that_filtered_limited_and_cut_its_input(
    make_project: Callable[..., TaxiProject], model: str
) -> None:
    project = make_project(1, model=model, input={"where": "fare > 5", "limit_rows": 450})
    assert project.cli("run", "taxi_tips").code == 0
    result = project.cli("--json", "verify", "taxi_tips", "--deep", "--rescore", "9999").lines[-1]
    assert (result["exit_code"], result["n_rescored"]) == (0, len(project.published(0)))


def test_rescore_cuts_batches_as_the_run_did_where_only_a_suite_reads_a_wide_column(
    make_project: Callable[..., TaxiProject], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last bits of dense algebra depend on the batch."""
    for name in ("BATCH_BYTES", "_MOST_BYTES"):
        monkeypatch.setattr(f"batch_scorer.core.batches.{name}", 16_000)
    project = make_project(1, validate={"input": [{"suite": "rides_input"}]})
    for file in project.day(0).glob("*.parquet"):
        table = pq.read_table(file)
        table = table.append_column("note", pa.array(["x" * 300] * len(table)))
        pq.write_table(table, file, row_group_size=200)
    dirty.write_suite(project, dirty.expectation("expect_column_values_to_not_be_null", column="note"))
    sizes: dict[str, list[int]] = {"run": [], "rescore": []}
    read = reader.read_chunk

    def reading(who: str) -> Callable[..., Any]:
        def read_chunk(*args: Any) -> Any:
            for batch in read(*args):
                sizes[who].append(batch.features.num_rows)
                yield batch

        return read_chunk

    monkeypatch.setattr("batch_scorer.execution.chunk.read_chunk", reading("run"))
    monkeypatch.setattr("batch_scorer.execution.auditing.rescore.read_chunk", reading("rescore"))
    assert project.cli("run", "taxi_tips").code == 0
    assert project.cli("verify", "taxi_tips", "--rescore", "9999").code == 0
    assert max(sizes["run"]) < 100
    assert sorted(sizes["rescore"]) == sorted(sizes["run"])


def test_a_lost_ledger_is_one_finding_with_the_command_that_rebuilds_it(copied: TaxiProject) -> None:
    for file in copied.state.glob("ledger.db*"):
        file.unlink()
    result = copied.cli("verify", "taxi_tips")
    assert result.code == 6
    assert "ledger rebuild taxi_tips" in result.stderr


def test_an_empty_partition_and_a_success_marker_are_healthy(
    make_project: Callable[..., TaxiProject],
) -> None:
    project = make_project(1, input={"where": "fare > 1000000"}, output={"success_marker": True})
    assert project.cli("run", "taxi_tips").code == 0
    assert found_kinds(project, "--deep", "--rescore", "5") == set()
    (project.predictions / "ride_date=2024-01-01" / "_SUCCESS").write_text("no longer empty")
    assert found_kinds(project) == {"size differs"}


def test_verify_finds_nothing_while_runs_replace_what_it_looks_at(copied: TaxiProject) -> None:
    verified = []

    def look() -> None:
        for _ in range(6):
            verified.append(copied.shell("verify", "taxi_tips", "--deep"))

    looking = threading.Thread(target=look)
    looking.start()
    n_runs = 0
    while looking.is_alive():
        assert copied.shell("run", "taxi_tips", "--cluster", "inline", "--reprocess", "all").code == 0
        n_runs += 1
    looking.join()
    assert n_runs > 1
    assert [(result.code, result.stdout) for result in verified if result.code] == []


def test_a_partition_that_is_replaced_between_two_looks_is_looked_at_again(
    copied: TaxiProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    from batch_scorer.lake.published import looking as published

    look, looks = published.list_published, []

    def replaced_just_before(table: Any, directory: str, **options: Any) -> object:
        looks.append(directory)
        if len(looks) == 1:
            assert copied.shell("run", "taxi_tips", "--cluster", "inline", "--reprocess", "all").code == 0
        return look(table, directory, **options)

    monkeypatch.setattr(published, "list_published", replaced_just_before)
    assert found_kinds(copied, "--deep") == set()
    assert looks == ["ride_date=2024-01-01", "ride_date=2024-01-01", "ride_date=2024-01-02"]


def test_several_partition_keys_and_a_key_of_several_columns_verify_audit_and_rebuild(
    make_project: Callable[..., TaxiProject],
) -> None:
    keys = {"partition_by": {"region": "string", "ride_date": "date"}, "key": ["ride_id", "company"]}
    project = make_project(0, input=keys)
    for region in ("north", "so uth"):
        frame = taxi.rides(300, seed=len(region)).fillna({"company": "none"})
        place = project.lake / f"region={region}" / "ride_date=2024-01-01"
        place.mkdir(parents=True)
        frame.to_parquet(place / "part-0.parquet", index=False)
    assert project.cli("run", "taxi_tips").code == 0
    assert found_kinds(project, "--deep", "--rescore", "300") == set()
    assert found_kinds(project, "--partition", "region=north") == set()
    row = taxi.rides(300, seed=5).fillna({"company": "none"}).iloc[7]
    asked = ["--row", f"ride_id={row.ride_id}", "--row", f"company={row.company}"]
    told = project.cli("--json", "audit", "taxi_tips", *asked).lines[0]
    assert told["row"]["values"]["ride_id"] == row.ride_id
    assert project.cli("audit", "taxi_tips", "--row", "ride_id=7").code == 2
    (project.predictions / "region=north" / "stray").touch()
    assert found_kinds(project) == {"file unexpected"}
    (project.predictions / "region=north" / "stray").unlink()
    for file in project.state.glob("ledger.db*"):
        file.unlink()
    assert project.cli("ledger", "rebuild", "taxi_tips").code == 0
    assert project.cli("verify", "taxi_tips", "--deep").code == 0


def test_what_a_dead_run_left_unfinished_is_a_warning_and_no_damage(copied: TaxiProject) -> None:
    _row("state = 'publishing', published_at = NULL")(copied)
    result = copied.cli("verify", "taxi_tips")
    assert result.code == 0, result.stdout
    assert "the next run settles it" in result.stderr
