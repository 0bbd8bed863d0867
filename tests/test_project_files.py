"""Files that other programs read of the project: workflows, citation, hooks and forms. They agree with the package."""

from __future__ import annotations

import configparser
import re
from pathlib import Path

import pytest

import dsrbench
from dsrbench.board.app.tabs.about import documentation_links
from dsrbench.markdown import SITE

yaml = pytest.importorskip("yaml")

ROOT = Path(__file__).parents[1]
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
FORMS = sorted(path for path in (ROOT / ".github/ISSUE_TEMPLATE").glob("*.yml") if path.stem != "config")
OTHERS = [ROOT / "CITATION.cff", ROOT / ".pre-commit-config.yaml", ROOT / ".github/dependabot.yml"]
PINNED = re.compile(r"^\s*-? ?uses: ([\w.-]+/[\w./-]+)@([0-9a-f]{40}) # v\d+\.\d+\.\d+$")
READ_ONLY = {"contents": "read"}
WRITES = {("docs.yml", "deploy"): {"pages", "id-token"}, ("release.yml", "publish"): {"id-token"}}


def read(path):
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def ids(paths):
    return [path.name for path in paths]


def setup():
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    return config


def jobs():
    return [(path, name, job) for path in WORKFLOWS for name, job in read(path)["jobs"].items()]


def commands():
    """Every command of the workflows, a line each."""
    steps = [step for _, _, job in jobs() for step in job.get("steps", ())]
    return [line for step in steps if "run" in step for line in step["run"].splitlines()]


def test_all_are_there():
    assert ids(WORKFLOWS) == ["build.yml", "docs.yml", "release.yml", "tests.yml"]
    assert ids(FORMS) == ["bug.yml", "new_backend.yml", "wrong_score.yml"]
    for name in ("SECURITY.md", "CODE_OF_CONDUCT.md", "ROADMAP.md", ".github/PULL_REQUEST_TEMPLATE.md"):
        assert (ROOT / name).is_file()


@pytest.mark.parametrize("path", [*WORKFLOWS, *FORMS, *OTHERS], ids=ids([*WORKFLOWS, *FORMS, *OTHERS]))
def test_they_parse(path):
    assert isinstance(read(path), dict)


@pytest.mark.parametrize("path", WORKFLOWS, ids=ids(WORKFLOWS))
def test_actions_are_pinned(path):
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if re.match(r"\s*-? ?uses:", line)]
    assert lines
    assert [line for line in lines if not PINNED.match(line) and "uses: ./.github/workflows/" not in line] == []
    assert "secrets" not in path.read_text(encoding="utf-8")


def test_an_action_has_one_version_in_all_workflows():
    lines = [line for path in WORKFLOWS for line in path.read_text(encoding="utf-8").splitlines()]
    versions = {}
    for match in filter(None, map(PINNED.match, lines)):
        versions.setdefault(match[1], set()).add(match[0].partition("@")[2])
    assert {name for name, pins in versions.items() if len(pins) > 1} == set()


@pytest.mark.parametrize("path", WORKFLOWS, ids=ids(WORKFLOWS))
def test_a_workflow_may_do_as_little_as_it_needs(path):
    workflow = read(path)
    assert workflow["permissions"] == {}
    assert "group" in workflow["concurrency"]
    assert "pull_request_target" not in workflow[True], "yaml reads the key `on` as true"
    for name, job in workflow["jobs"].items():
        writes = WRITES.get((path.name, name))
        assert job["permissions"] == (READ_ONLY if writes is None else dict.fromkeys(writes, "write"))
        assert "uses" in job or job["timeout-minutes"] <= 180
        for step in job.get("steps", ()):
            if step.get("uses", "").startswith("actions/checkout@"):
                assert step["with"]["persist-credentials"] is False


def test_the_pythons_are_those_of_the_classifiers():
    pythons = re.findall(r"Python :: (3\.\d+)", setup()["metadata"]["classifiers"])
    matrices = [job["strategy"]["matrix"]["python"] for _, _, job in jobs() if "strategy" in job]
    assert matrices == [pythons] * len(matrices)
    assert len(matrices) >= 3
    texts = "".join(path.read_text(encoding="utf-8") for path in WORKFLOWS)
    assert set(re.findall(r'python(?:-version)?: "(3\.\d+)"', texts)) <= set(pythons)


def test_the_commands_are_those_of_the_project():
    lines = commands()
    local = (ROOT / ".ci/run").read_text(encoding="utf-8").splitlines()
    checks = [line for line in lines if re.match(r"(pytest|ruff|mypy|lint-imports)\b", line)]
    assert len(checks) >= 7
    assert [line for line in checks if line not in local] == []
    extras = {extra for line in lines for names in re.findall(r"\.\[([\w,-]+)\]", line) for extra in names.split(",")}
    assert extras <= set(setup()["options.extras_require"])
    assert {"test", "dev", "light-test", "docs"} <= extras
    paths = {
        word for line in lines for word in re.findall(r"(?:^| |source/)((?:\.ci|tests|benchmark|examples)/\S+)", line)
    }
    assert len(paths) >= 4
    assert [name for name in paths if not (ROOT / name).exists()] == []
    assert "zensical build --strict" in lines
    assert "zensical build --strict" in (ROOT / "zensical.toml").read_text(encoding="utf-8")


def test_the_citation():
    citation = read(ROOT / "CITATION.cff")
    assert citation["version"] == dsrbench.__version__
    assert citation["license"] == setup()["metadata"]["license"]
    assert citation["authors"] == [{"name": "The dsrbench developers"}]
    (paper,) = citation["references"]
    names = ", ".join(f"{author['given-names']} {author['family-names']}" for author in paper["authors"])
    notice = " ".join((ROOT / "NOTICE").read_text(encoding="utf-8").split())
    assert f'{names}, "{paper["title"]}", {paper["identifiers"][0]["value"].replace(":", " ")}' in notice


LINKS = [
    ROOT / "leaderboard/README.md",
    ROOT / ".github/ISSUE_TEMPLATE/config.yml",
    ROOT / "examples/evaluate_cogvideox.ipynb",
]


def test_links_to_the_documentation_lead_to_pages():
    assert re.search(r'^site_url = "(.+)"$', (ROOT / "zensical.toml").read_text(encoding="utf-8"), re.M)[1] == SITE
    assert read(ROOT / "CITATION.cff")["url"] == SITE
    pages = {page for path in LINKS for page in re.findall(rf"{SITE}([\w./-]*)", path.read_text(encoding="utf-8"))}
    for path in ROOT.glob("dsrbench/**/*.py"):
        pages.update(re.findall(r"link_page\([^()]+, [\"']([\w./-]+)[\"']\)", path.read_text(encoding="utf-8")))
    pages.update(re.findall(rf"{SITE}([\w./-]*)", documentation_links()))
    assert len(pages) >= 8
    assert [page for page in pages if page and not (ROOT / f"docs/{page.strip('/')}.md").is_file()] == []


def test_the_space_installs_this_version():
    (line,) = (ROOT / "leaderboard/requirements.txt").read_text(encoding="utf-8").splitlines()
    assert line == f"dsrbench[board]=={dsrbench.__version__}"


def test_a_release_checks_its_tag():
    lines = [line for line in commands() if "GITHUB_REF_NAME" in line]
    names = {line.split()[-1] for line in lines}
    assert names == {"dsrbench/__init__.py", "CITATION.cff"}
    for line in lines:
        (pattern,) = re.findall(r'-Fx "(.+)" ', line)
        expected = pattern.replace("${GITHUB_REF_NAME#v}", dsrbench.__version__).replace('\\"', '"')
        assert expected in (ROOT / line.split()[-1]).read_text(encoding="utf-8").splitlines()


def test_the_hooks_are_pinned_or_those_of_the_environment():
    remote, local = read(ROOT / ".pre-commit-config.yaml")["repos"]
    assert re.fullmatch("[0-9a-f]{40}", remote["rev"])
    run = (ROOT / ".ci/run").read_text(encoding="utf-8")
    assert local["repo"] == "local"
    for hook in local["hooks"]:
        assert hook["language"] == "system"
        assert re.sub(r" --(?:force-exclude|fix)", "", hook["entry"]) in run


@pytest.mark.parametrize("path", FORMS, ids=ids(FORMS))
def test_a_form_asks_for_what_it_needs(path):
    form = read(path)
    assert {"name", "description", "labels", "body"} == set(form)
    fields = [field for field in form["body"] if field["type"] != "markdown"]
    names = [field["id"] for field in fields]
    assert len(set(names)) == len(names) >= 3
    assert all(field["attributes"]["label"] for field in fields)
    assert sum(field.get("validations", {}).get("required", False) for field in fields) >= 3
