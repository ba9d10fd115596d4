"""The hash chain: whatever is done to it behind the service's back shows."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestration_svc.domain.audit import GENESIS, AuditEvent, ChainCheck, ChainState, event_hash
from tests.unit.orchestration_svc.fakes import NOW, OTHER_TENANT, TENANT


def sealed(event: AuditEvent, previous: bytes) -> AuditEvent:
    return replace(
        event,
        previous_hash=previous,
        hash=event_hash(
            tenant_id=event.tenant_id,
            seq=event.seq,
            at=event.at,
            actor=event.actor,
            action=event.action,
            subject=event.subject,
            detail=event.detail,
            previous_hash=previous,
        ),
    )


def chain(length: int, *, detail: dict[str, object] | None = None) -> list[AuditEvent]:
    events: list[AuditEvent] = []
    previous = GENESIS
    for seq in range(1, length + 1):
        event = AuditEvent(
            TENANT, seq, NOW + timedelta(seconds=seq), "cli", "key.issued", f"s{seq}", detail or {}, b"", b""
        )
        events.append(sealed(event, previous))
        previous = events[-1].hash
    return events


def verify(events: list[AuditEvent], like: list[AuditEvent]) -> ChainState:
    """Verify `events` against the head that the chain `like` left."""
    check = ChainCheck()
    check.feed(events)
    return check.finish(recorded_length=len(like), recorded_hash=like[-1].hash if like else GENESIS)


def test_untouched_chain_holds_and_tells_its_head() -> None:
    events = chain(5)
    assert verify(events, events) == ChainState(5, intact=True, broken_at=None, head=events[-1].hash.hex())


def test_tenant_without_acts_has_an_intact_empty_chain() -> None:
    assert verify([], []) == ChainState(0, intact=True, broken_at=None, head=GENESIS.hex())


CHANGES: dict[str, Callable[[AuditEvent], AuditEvent]] = {
    "tenant": lambda event: replace(event, tenant_id=OTHER_TENANT),
    "time": lambda event: replace(event, at=event.at + timedelta(microseconds=1)),
    "actor": lambda event: replace(event, actor="somebody"),
    "action": lambda event: replace(event, action="key.revoked"),
    "subject": lambda event: replace(event, subject="other"),
    "detail": lambda event: replace(event, detail={"from": "elsewhere"}),
    "previous": lambda event: replace(event, previous_hash=bytes(32)),
    "hash": lambda event: replace(event, hash=event.hash[:-1] + bytes([event.hash[-1] ^ 1])),
    "resealed": lambda event: sealed(replace(event, actor="somebody"), event.previous_hash),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_changed_event_is_found_where_it_stands_or_at_the_next_link(
    change: Callable[[AuditEvent], AuditEvent],
) -> None:
    events = chain(6)
    tampered = [*events[:2], change(events[2]), *events[3:]]
    state = verify(tampered, events)
    assert not state.intact
    assert state.broken_at == (4 if change is CHANGES["resealed"] else 3)


def test_removed_event_is_found_where_it_stood() -> None:
    events = chain(6)
    assert verify(events[:3] + events[4:], events).broken_at == 4


@pytest.mark.parametrize("kept", range(6))
def test_cut_off_end_is_found(kept: int) -> None:
    events = chain(6)
    state = verify(events[:kept], events)
    assert (state.intact, state.broken_at) == (False, kept + 1)


def test_event_that_was_put_in_or_after_is_found() -> None:
    events = chain(4)
    extra = sealed(replace(events[0], seq=5), events[-1].hash)
    assert verify([*events, extra], events).broken_at == 6
    assert verify([events[0], *events], events).broken_at == 2


def test_exchanged_events_are_found() -> None:
    events = chain(4)
    assert verify([events[0], events[2], events[1], events[3]], events).broken_at == 2


def test_chain_written_anew_with_good_links_is_not_the_one_whose_head_was_kept() -> None:
    events = chain(4)
    state = verify(chain(4, detail={"by": "somebody"}), events)
    assert (state.intact, state.broken_at) == (False, 4)


def test_the_last_event_alone_cannot_be_resealed() -> None:
    events = chain(4)
    tampered = [*events[:3], CHANGES["resealed"](events[3])]
    assert not verify(tampered, events).intact


@settings(max_examples=150)
@given(data=st.data())
def test_no_editing_of_a_chain_stays_hidden(data: st.DataObject) -> None:
    events = chain(data.draw(st.integers(1, 8)))
    edited = list(events)
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, max(0, len(edited) - 1)))
        act = data.draw(st.sampled_from(["change", "remove", "insert", "truncate", "swap"]))
        if not edited:
            break
        if act == "change":
            edited[place] = data.draw(st.sampled_from(list(CHANGES.values())))(edited[place])
        elif act == "remove":
            del edited[place]
        elif act == "insert":
            edited.insert(place, data.draw(st.sampled_from(events)))
        elif act == "truncate":
            del edited[place:]
        else:
            other = data.draw(st.integers(0, len(edited) - 1))
            edited[place], edited[other] = edited[other], edited[place]
    assert verify(edited, events).intact == (edited == events)


@given(detail=st.dictionaries(st.text(max_size=5), st.text(max_size=5) | st.lists(st.text(max_size=3))))
def test_order_of_the_details_does_not_matter_and_their_values_do(detail: dict[str, object]) -> None:
    events = chain(1, detail=detail)
    turned = [replace(events[0], detail=dict(reversed(list(detail.items()))))]
    assert verify(turned, events).intact
    assert not verify([replace(events[0], detail={**detail, "more": 1})], events).intact
