"""What a run has to do, from folders and manifests: nothing lost, nothing twice, nothing outside the run folder."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from dsrbench.errors import InputError, PromptError
from dsrbench.evaluation import plan_videos
from dsrbench.prompts import Suite, read_suite
from dsrbench.types import Prompt

TEXT = "A cat is on the left of a chair, then the cat walks to the right of the chair."
OTHER = "A dog is on the right of a sofa, then the dog runs to the left of the sofa."


def make_suite(*ids):
    return Suite("tiny", "1", tuple(Prompt(i, f"text of {i}", "cat", "chair", "LR") for i in ids))


SUITE = make_suite("p_LR", "q_LR", "r_LR")


@pytest.fixture
def folder(tmp_path):
    """Makes empty files: a plan opens no video."""

    def make(*names, at="videos"):
        for name in names:
            path = tmp_path / at / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"")
        return tmp_path / at

    return make


def keys(plan, *, failed=None):
    """Samples as texts, all or only those with (False) or without (True) a video."""
    return [str(job.key) for job in plan.jobs if failed is None or failed == (job.path is None)]


AS_NOBODY = """
import os, pathlib, sys
from dsrbench.errors import InputError
from dsrbench.evaluation import plan_videos
from dsrbench.prompts import Suite
from dsrbench.types import Prompt
suite = Suite("t", "1", (Prompt("p_LR", "t", "cat", "chair", "LR"),))
print("ready", flush=True)
sys.stdin.readline()
if os.geteuid() == 0:
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
try:
    plan_videos(pathlib.Path(sys.argv[1]), suite)
except InputError as error:
    print(error)
"""

SEEDS = [
    # seeds asked for, whether partial, samples with a video, samples without, word in the notes
    ([0, 1], False, ["m/p_LR/0", "m/p_LR/1", "m/q_LR/0"], ["m/q_LR/1", "m/r_LR/0", "m/r_LR/1"], ""),
    # of prompts without any video, none; of the others, all seeds
    ([0, 1], True, ["m/p_LR/0", "m/p_LR/1", "m/q_LR/0"], ["m/q_LR/1"], ""),
    # a video of another seed is left out, and that is said
    ([1], False, ["m/p_LR/1"], ["m/q_LR/1", "m/r_LR/1"], "2 videos are of other seeds and are left out"),
    ([9], False, [], ["m/p_LR/9", "m/q_LR/9", "m/r_LR/9"], "3 videos are of other seeds"),
]

BAD_FOLDERS = [
    # what there is, and what is said of it
    ([], "is empty; expected videos"),
    (["notes.txt", "sub/more.txt"], "has no videos; expected files such as .mp4"),
    (["a.mp4", "b.mp4"], r"none of the 2 videos in .* ids such as 'p_LR' in names such as 'a.mp4'.* video list"),
    (["p_LR_3.mp4", "p_LR_seed3.mp4"], r"two videos are sample videos/p_LR/3 .*p_LR_3.mp4 and .*p_LR_seed3.mp4"),
]


class TestFolders:
    def test_files_and_folders_as_models(self, folder):
        place = folder("p_LR.mp4", "wan/p_LR_seed3.mp4", "wan/p_LR_seed4.webm", "wan/deep/q_LR.GIF", "r_LR.txt")
        plan = plan_videos(place, SUITE, partial=True)
        assert keys(plan) == ["videos/p_LR/0", "wan/p_LR/3", "wan/p_LR/4", "wan/deep/q_LR/0"]
        assert [job.name for job in plan.jobs][1] == "wan/p_LR_seed3.mp4"
        assert all(job.path == place / job.name for job in plan.jobs)
        assert plan.models == ["videos", "wan", "wan/deep"]

    def test_a_name_for_the_model(self, folder):
        plan = plan_videos(folder("p_LR.mp4", "wan/p_LR.mp4"), SUITE, model="mine", partial=True)
        assert keys(plan) == ["mine/p_LR/0", "wan/p_LR/0"]

    def test_prompts_without_a_video_count_as_failed_unless_partial(self, folder):
        place = folder("a/p_LR.mp4", "a/q_LR_5.mp4", "b/r_LR.mp4")
        plan = plan_videos(place, SUITE)
        assert keys(plan, failed=True) == ["a/r_LR/0", "b/p_LR/0", "b/q_LR/0"]
        assert {job.problem for job in plan.jobs if job.path is None} == {"no video for this prompt"}
        assert any("3 samples of the suite have no video" in note for note in plan.notes)
        partial = plan_videos(place, SUITE, partial=True)
        assert keys(partial) == keys(plan, failed=False)
        assert partial.notes == ()

    @pytest.mark.parametrize(("seeds", "partial", "there", "absent", "note"), SEEDS)
    def test_a_grid_of_seeds(self, folder, seeds, partial, there, absent, note):
        place = folder("m/p_LR_0.mp4", "m/p_LR_1.mp4", "m/q_LR_0.mp4")
        plan = plan_videos(place, SUITE, seeds=seeds, partial=partial)
        assert keys(plan, failed=False) == there
        assert keys(plan, failed=True) == absent
        assert note in " | ".join(plan.notes)

    def test_a_limit(self, folder):
        place = folder("p_LR_1.mp4", "p_LR_0.mp4", "q_LR.mp4")
        assert keys(plan_videos(place, SUITE, limit=2)) == ["videos/p_LR/0", "videos/p_LR/1"]
        assert len(plan_videos(place, SUITE, limit=100).jobs) == 4

    def test_videos_that_name_no_prompt_are_told(self, folder):
        plan = plan_videos(folder("p_LR.mp4", "intro.mp4", "x/outro.mp4"), SUITE, partial=True)
        assert keys(plan) == ["videos/p_LR/0"]
        assert plan.notes == ("2 of 3 videos name no prompt of the suite, such as intro.mp4",)

    def test_the_order_on_disk_decides_nothing(self, folder):
        names = [f"p_LR ({i}).mp4" for i in range(12)]
        one, other = folder(*names, at="a/videos"), folder(*reversed(names), at="b/videos")
        plans = [[(job.key, job.name) for job in plan_videos(place, SUITE).jobs] for place in (one, other)]
        assert plans[0] == plans[1]
        assert len(plans[0]) == 14

    def test_hidden_files_and_run_folders_are_no_videos(self, folder):
        """Such as `._p_LR.mp4`, which macOS leaves, and the links of an earlier run made in this folder."""
        place = folder("p_LR.mp4", "._p_LR.mp4", ".cache/q_LR.mp4", "runs/x/run.json", "runs/x/videos/p_LR.mp4")
        assert keys(plan_videos(place, SUITE, partial=True)) == ["videos/p_LR/0"]
        # the videos of a run may be asked for by name
        assert keys(plan_videos(place / "runs/x/videos", SUITE, partial=True)) == ["videos/p_LR/0"]

    def test_links_are_followed_but_not_in_circles(self, folder, tmp_path):
        place = folder("p_LR.mp4", "sub/q_LR.mp4")
        (place / "linked").symlink_to(folder("p_LR.mp4", at="elsewhere"))
        (place / "sub" / "circle").symlink_to(place)
        (place / "r_LR.mp4").symlink_to(tmp_path / "gone.mp4")
        plan = plan_videos(place, SUITE, partial=True)
        # a link to a file that is gone is a sample too: it will fail
        assert keys(plan) == ["linked/p_LR/0", "sub/q_LR/0", "videos/p_LR/0", "videos/r_LR/0"]

    @pytest.mark.skipif(sys.platform != "linux", reason="other systems know no such names")
    def test_names_that_are_no_text(self, folder):
        place = folder("p_LR.mp4")
        for model in (b"caf\xe9", b"caf\xe8"):
            os.mkdir(os.path.join(os.fsencode(place), model))
            (place / os.fsdecode(model) / "q_LR.mp4").write_bytes(b"")
        plan = plan_videos(place, SUITE, partial=True)
        # both are recorded under one name of the model, but not of the file
        assert keys(plan) == ["caf\ufffd/q_LR/0", "caf\ufffd/q_LR/1", "videos/p_LR/0"]
        assert len({job.name for job in plan.jobs}) == 3
        assert all(job.path.is_file() for job in plan.jobs)
        for job in plan.jobs:
            json.dumps([job.name, job.key], ensure_ascii=False).encode()

    @pytest.mark.parametrize(("names", "message"), BAD_FOLDERS)
    def test_folders_that_are_refused(self, folder, names, message):
        place = folder(*names)
        place.mkdir(exist_ok=True)
        with pytest.raises(InputError, match=message) as caught:
            plan_videos(place, SUITE)
        assert "\n" not in str(caught.value)

    def test_no_folder_and_no_suite(self, folder, tmp_path):
        with pytest.raises(InputError, match=r"no such folder or video list: .*absent"):
            plan_videos(tmp_path / "absent", SUITE)
        with pytest.raises(InputError, match="needs the prompts they were made from: give --suite"):
            plan_videos(folder("p_LR.mp4"), None)

    @pytest.mark.parametrize("closed", ["videos", "videos/wan", "."])
    def test_folders_that_may_not_be_read(self, closed):
        """In a process of another user where this one is root, whom nothing is closed to."""
        with tempfile.TemporaryDirectory() as top:
            place = Path(top, "a", closed)
            Path(top, "a/videos/wan").mkdir(parents=True)
            for name in ("videos/p_LR.mp4", "videos/wan/p_LR.mp4"):
                Path(top, "a", name).write_bytes(b"")
            os.chmod(top, 0o755)
            arguments = [sys.executable, "-c", AS_NOBODY, f"{top}/a/videos"]
            with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
                assert child.stdout.readline() == "ready\n"  # all is imported before the rights are given up
                place.chmod(0)
                try:
                    said, _ = child.communicate("\n", timeout=60)
                finally:
                    place.chmod(0o755)
        assert said.startswith("no such folder" if closed == "." else f"cannot read folder {place}: Permission denied")
        assert said.count("\n") == 1


FORMS = [
    # a byte-order mark, Windows line ends, spaces around everything, a quoted line break
    ("\ufeffvideo,prompt_id\na.mp4,p_LR\n", {}),
    ("video,prompt_id\r\na.mp4,p_LR\r\n", {"newline": ""}),
    (" video , prompt_id , seed\n a.mp4 , p_LR , \n", {}),
    ('video,note,prompt_id\na.mp4,"two\nlines",p_LR\n', {}),
    ("video,prompt_id\na.mp4,p_LR,too,many\n", {}),
]

BAD_TABLES = [
    # no such column; no rows; no bytes
    ("file,prompt_id\na.mp4,p_LR\n", "expected the columns video and prompt_id"),
    ("video,seed\na.mp4,1\n", r"expected the columns video and prompt_id \(or prompt\), got video, seed"),
    ("video,prompt_id\n", "has no rows"),
    ("", "got none"),
    # rows that lack something
    ("video,prompt_id\na.mp4,p_LR\n,p_LR\n", "line 3: expected a file in the column 'video', got nothing"),
    ("video,prompt_id\na.mp4,\n", "line 2: expected a prompt_id or a prompt, got none"),
    ("video,prompt_id\na.mp4\n", "line 2: expected a prompt_id or a prompt, got none"),
    # prompts the suite does not have
    ("video,prompt_id\na.mp4,q_LRR\n", r"line 2: no prompt 'q_LRR' in the suite; did you mean 'q_LR'"),
    (f"video,prompt_id,prompt\na.mp4,zzz,\"{TEXT}\"\n", "no prompt 'zzz' in the suite"),
    (f"video,prompt\na.mp4,\"{TEXT}\"\n", "no prompt of the suite has the text 'A cat is on the left"),
    # an id and a text of two prompts
    ("video,prompt_id,prompt\na.mp4,p_LR,text of q_LR\n", "the text is that of prompt 'q_LR', not of"),
    # seeds
    ("video,prompt_id,seed\na.mp4,p_LR,one\n", "line 2: seed must be a whole number, got 'one'"),
    ("video,prompt_id,seed\na.mp4,p_LR,1.5\n", "line 2: seed must be a whole number, got '1.5'"),
    ("video,prompt_id,seed\na.mp4,p_LR,-1\n", r"line 2: seed must lie in 0\.\.9223372036854775807, got -1"),
    ("video,prompt_id,seed\na.mp4,p_LR,99999999999999999999\n", "line 2: seed must lie in"),
    # one sample twice
    ("video,prompt_id,seed\na.mp4,p_LR,1\nb.mp4,p_LR,1\n", r"two videos are sample clips/p_LR/1 .*a\.mp4 and"),
    # no table: a field of more than csv reads
    (f"video,prompt_id\na.mp4,{'x' * 200_000}\n", "line 2: not a table in CSV"),
]  # fmt: skip

BAD_LINES = [
    ('{"video": "a.mp4"', "line 2: not JSON"),
    ("[1, 2]", "line 2: expected a JSON object a line, got list"),
    ('{"video": 1' + "0" * 5000 + "}", "line 2: not JSON"),
    ("[" * 100_000, "line 2: not JSON"),
    ('{"video": "a.mp4", "prompt": "cat"}', "line 2: "),
    ('{"video": "a.mp4", "prompt_id": "only"}', "line 2: prompt_id 'only' needs a --suite that has it"),
    (json.dumps({"video": "a.mp4", "prompt_id": "x", "prompt": OTHER}), "line 2: prompt_id 'x' has another text"),
]  # fmt: skip


class TestManifests:
    @pytest.fixture
    def manifest(self, tmp_path):
        def make(text, name="m.csv", **how):
            path = tmp_path / "clips" / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, **{"encoding": "utf-8", **how})
            (path.parent / "a.mp4").write_bytes(b"")
            (path.parent / "b.mp4").write_bytes(b"")
            return path

        return make

    def test_csv(self, manifest):
        path = manifest("note,video,prompt_id,model,seed\nx,a.mp4,p_LR,wan,3\n,b.mp4,q_LR,,\n")
        plan = plan_videos(path, SUITE)
        assert keys(plan) == ["clips/q_LR/0", "wan/p_LR/3"]
        assert [(job.name, job.path, job.problem) for job in plan.jobs] == [
            ("b.mp4", path.parent / "b.mp4", ""),
            ("a.mp4", path.parent / "a.mp4", ""),
        ]
        assert plan.suite is SUITE

    def test_jsonl_and_texts(self, manifest):
        rows = [
            {"video": "a.mp4", "prompt": TEXT, "model": "wan", "seed": 4},
            {"video": "b.mp4", "prompt": OTHER, "prompt_id": "dog", "model": None, "seed": "5", "more": [1]},
        ]
        # U+2028 ends no line in JSON
        rows[0]["note"] = "\u2028"
        text = "\n".join(json.dumps(row, ensure_ascii=False) for row in rows) + "\n\n"
        plan = plan_videos(manifest(text, "m.jsonl"), None, model="mine")
        assert [job.prompt.type for job in plan.jobs] == ["RL", "LR"]
        assert keys(plan)[0] == "mine/dog/5"
        assert keys(plan)[1].startswith("wan/cat-chair-lr-")
        assert (plan.suite.name, len(plan.suite)) == ("m", 2)

    def test_texts_of_a_suite(self, manifest):
        plan = plan_videos(manifest("video,prompt\na.mp4,text of q_LR\n"), SUITE)
        assert keys(plan) == ["clips/q_LR/0"]

    @pytest.mark.parametrize(("text", "how"), FORMS)
    def test_forms_of_tables(self, manifest, text, how):
        plan = plan_videos(manifest(text, **how), SUITE)
        assert [(str(job.key), job.problem) for job in plan.jobs] == [("clips/p_LR/0", "")]

    def test_files_that_are_not_there_become_failed_samples(self, manifest, tmp_path):
        name = "x" * 300 + ".mp4"
        path = manifest(f"video,prompt_id\na.mp4,p_LR\nnone.mp4,q_LR\n{name},r_LR\n.,p_LR\n")
        plan = plan_videos(path, SUITE)
        assert keys(plan, failed=True) == ["clips/p_LR/1", "clips/q_LR/0", "clips/r_LR/0"]
        assert [job.problem for job in plan.jobs if job.path is None][1:] == [
            "no such video: none.mp4",
            f"no such video: {name}",
        ]

    def test_a_manifest_is_complete_as_it_is_unless_seeds_are_asked_for(self, manifest):
        path = manifest("video,prompt_id,seed\na.mp4,p_LR,0\nb.mp4,q_LR,1\n")
        assert keys(plan_videos(path, SUITE)) == ["clips/p_LR/0", "clips/q_LR/1"]
        plan = plan_videos(path, SUITE, seeds=[0, 1])
        assert keys(plan, failed=False) == ["clips/p_LR/0", "clips/q_LR/1"]
        assert len(keys(plan, failed=True)) == 4
        assert len(keys(plan_videos(path, SUITE, seeds=[0, 1], partial=True), failed=True)) == 2

    def test_paths_outside_the_folder(self, manifest, folder):
        far = folder("x.mp4", "seed1/x.mp4", "seed2/x.mp4", at="far")
        path = manifest(f"video,prompt_id,model\n{far}/x.mp4,p_LR,wan/14B\n../far/x.mp4,q_LR,wan/14B\nb.mp4,r_LR,\n")
        plan = plan_videos(path, SUITE)
        assert [job.name for job in plan.jobs if job.key.model == "clips"] == ["b.mp4"]
        assert all(job.path.is_file() for job in plan.jobs)
        # two spellings of one file, two samples; what is recorded lies inside, and no two files share a name
        plan = plan_videos(
            manifest(f"video,prompt_id,seed\n{far}/seed1/x.mp4,p_LR,1\n{far}/seed2/x.mp4,p_LR,2\n{far}/x.mp4,q_LR,0\n"),
            SUITE,
        )
        assert len({job.name for job in plan.jobs}) == 3
        assert {job.name.rpartition(".")[2] for job in plan.jobs} == {"mp4"}

    @pytest.mark.parametrize("model", ["../../out", "/out", "..", "a/../../b", "."])
    def test_a_model_leads_nowhere_outside(self, manifest, folder, model):
        far = folder("x.mp4", at="far")
        plan = plan_videos(manifest(f"video,prompt_id,model\n{far}/x.mp4,p_LR,{model}\n"), SUITE)
        (job,) = plan.jobs
        assert job.key.model == model
        assert not job.name.startswith("/")
        assert ".." not in job.name.split("/")
        assert job.name.endswith("x.mp4")

    @pytest.mark.parametrize(("text", "message"), BAD_TABLES)
    def test_tables_that_are_refused(self, manifest, text, message):
        with pytest.raises(InputError, match=message) as caught:
            plan_videos(manifest(text), SUITE)
        assert "\n" not in str(caught.value)

    @pytest.mark.parametrize(("line", "message"), BAD_LINES, ids=[message for _, message in BAD_LINES])
    def test_lines_that_are_refused(self, manifest, line, message):
        first = json.dumps({"video": "b.mp4", "prompt_id": "x", "prompt": TEXT})
        with pytest.raises(InputError, match=message) as caught:
            plan_videos(manifest(f"{first}\n{line}\n", "m.jsonl"), None)
        assert "\n" not in str(caught.value)

    def test_files_that_are_no_manifest(self, manifest):
        with pytest.raises(InputError, match=r"expected \.csv or \.jsonl"):
            plan_videos(manifest("x", "m.txt"), SUITE)
        path = manifest("x")
        path.write_bytes(b"video,prompt_id\n\xff\xfe,p\n")
        with pytest.raises(InputError, match="cannot read video list"):
            plan_videos(path, SUITE)


def test_an_empty_suite_is_refused(tmp_path):
    for name, text in (("s.csv", "prompt_id,prompt\n"), ("s.jsonl", "\n")):
        (tmp_path / name).write_text(text)
        with pytest.raises(PromptError, match="no prompts; it needs at least one"):
            read_suite(tmp_path / name)
