"""A run in S3 whose service stumbles: a real client, and moto's server behind what breaks it."""

import random

import fsspec
import pytest
from moto.server import DomainDispatcherApplication, create_backend_app
from s3fs import S3FileSystem

from opbench.results.errors import RunFolderError
from opbench.results.store import attempts
from opbench.results.store.attempts import Part, StoredRun
from opbench.results.store.collecting import collect
from opbench.results.store.opening import open_run
from tests.results.examples import ENVIRONMENT, case, info
from tests.results.store.service import served
from tests.results.store.test_store import record

CASES = tuple(case(shape=f"s{size}", size=size) for size in range(1, 9))


class Stumbling:
    """A service that now and then fails before, in the middle of, or after what it is asked for."""

    def __init__(self, service):
        self.service = service
        self.random = random.Random(1)
        self.share, self.stumbles = 0.0, 0

    def __call__(self, environ, start_response):
        if self.random.random() >= self.share:
            return self.service(environ, start_response)
        self.stumbles += 1
        fate = self.random.choice(("refuse", "tear", "do and deny"))
        if fate != "refuse":
            if fate == "tear" and environ["REQUEST_METHOD"] == "PUT":
                environ["CONTENT_LENGTH"] = str(int(environ.get("CONTENT_LENGTH") or 0) // 2)
            list(self.service(environ, lambda *_: None))
        start_response("503 Service Unavailable", [("Content-Type", "text/plain")])
        return [b"try again"]


@pytest.fixture(scope="module")
def service():
    app = Stumbling(DomainDispatcherApplication(create_backend_app))
    with served(app) as app.variables:
        yield app


@pytest.fixture
def store(service, monkeypatch):
    for name, value in service.variables.items():
        monkeypatch.setenv(name, value)
    # Its client would try again by itself, and wait for longer each time.
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    monkeypatch.setattr(S3FileSystem, "retries", 1)
    monkeypatch.setattr(attempts, "_WAITS_S", (0.0,) * 8)
    S3FileSystem.clear_instance_cache()
    service.share = 0.0
    bucket = f"bucket{service.random.randrange(10**9)}"
    fsspec.filesystem("s3").mkdir(bucket)
    return f"s3://{bucket}/bench"


def buckets():
    return fsspec.filesystem("s3").ls("", refresh=True)


def test_what_a_stumbling_service_takes_is_collected_whole(service, store):
    run = StoredRun(store, "nightly")
    service.share, before = 0.3, service.stumbles
    for index in (1, 2, 2):
        for of in Part(index, 2).share(CASES):
            run.put(info(), of, [record(of)])
        run.finish(ENVIRONMENT.key, Part(index, 2))
    (one,) = collect(run)
    service.share = 0.0
    assert service.stumbles > before + 5
    assert sorted(line.case.shape for line in one.lines) == [of.shape for of in CASES]
    assert (one.whole, one.repeated) == (True, len(CASES) // 2)
    assert len(open_run(f"{store}/runs/nightly").records()) == len(CASES)


def test_what_it_never_takes_whole_does_not_count(service, store):
    run = StoredRun(store, "nightly")
    service.share = 1.0
    for of in CASES:
        with pytest.raises(RunFolderError, match=r"runs/nightly cannot be read or written"):
            run.put(info(), of, [record(of)])
    service.share = 0.0
    run.put(info(), CASES[0], [record(CASES[0])])
    assert collect(run)[0].lines == (record(CASES[0]),)


def test_a_bucket_that_is_not_there_is_said_and_not_made(store):
    before = buckets()
    with pytest.raises(RunFolderError, match="cannot be read or written"):
        StoredRun("s3://nobody-has-it/bench", "n").put(info(), CASES[0], [record(CASES[0])])
    with pytest.raises(RunFolderError, match=r"holds no complete attempt|cannot be read"):
        collect(StoredRun("s3://nobody-has-it/bench", "n"))
    assert buckets() == before
