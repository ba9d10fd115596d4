"""What is kept of one person goes when it is asked for, whatever its age, unless it is on hold."""

from datetime import timedelta
from uuid import UUID, uuid4

from pipelines.keep_terms import erase, erasures_waiting
from tests.fixtures.ageing_rows import NOW, SUBJECT, World


def ask(world: World, tenant: UUID | None = None) -> UUID:
    name = uuid4()
    world.admin.execute(
        "insert into analysis.erasures (tenant_id, id, subject_hash, state, requested_at, requested_by)"
        " values (%s, %s, %s, 'pending', now(), 'test')",
        [tenant or world.tenant, name, SUBJECT],
    )
    return name


def state(world: World) -> tuple[object, ...] | None:
    return world.admin.execute("select state, analyses, findings, held from analysis.erasures").fetchone()


def speak(world: World, analysis: UUID) -> None:
    world.admin.execute(
        "insert into analysis.feedback (tenant_id, id, evidence_id, finding_id, verdict, label,"
        " score, confidence, analysed_at, given_at, given_by)"
        " values (%s, %s, %s, 'f0', 'confirmed', 'X', 1, 1, %s, %s, 'test')",
        [world.tenant, uuid4(), analysis, NOW, NOW],
    )


def test_everything_of_the_person_goes_and_nothing_of_others(world: World) -> None:
    own = world.analyses(25, days=1, subject=SUBJECT)
    others = world.analyses(5, days=1, subject=b"o" * 32) + world.analyses(2, days=1)
    strange = world.analyses(2, days=1, tenant=world.other, subject=SUBJECT)
    speak(world, own[0])
    name = ask(world)
    assert erasures_waiting(world.settings) == [(world.tenant, name, "pending")]
    erase(world.settings, world.tenant, run="r")
    assert world.ids() == {*others, *strange}
    assert world.ids("analysis.feedback") == set()
    assert state(world) == ("done", 25, 50, 0)
    assert [action for action, _ in world.events()] == ["erasure.batch"] * 3 + ["erasure.certified"]
    assert erasures_waiting(world.settings) == []
    assert erase(world.settings, world.tenant, run="r") == []


def test_what_a_hold_covers_stays_until_it_is_released_and_is_counted(world: World) -> None:
    free = world.analyses(2, days=1, subject=SUBJECT)
    held = world.analyses(3, days=1, application="held", subject=SUBJECT)
    hold = world.hold(application="held")
    ask(world)
    for _ in range(2):
        erase(world.settings, world.tenant, run="r")
        assert world.ids() == set(held), free
        assert state(world) == ("held", 2, 4, 3)
    assert [action for action, _ in world.events()] == ["erasure.batch", "erasure.held"]
    world.admin.execute("update analysis.legal_holds set released_at = now() where id = %s", [hold])
    erase(world.settings, world.tenant, run="r")
    assert world.ids() == set()
    assert state(world) == ("done", 5, 10, 0)


def test_an_analysis_stays_with_the_feedback_on_it_that_a_hold_covers(world: World) -> None:
    spoken_of, _, _ = world.analyses(3, days=30, subject=SUBJECT)
    speak(world, spoken_of)
    world.hold(covers_from=NOW - timedelta(days=1))
    world.hold(application="another")
    ask(world)
    erase(world.settings, world.tenant, run="r")
    assert world.ids() == {spoken_of}
    assert len(world.ids("analysis.feedback")) == 1
    assert state(world) == ("held", 2, 4, 1)
