"""What one step makes of the world: a call that goes well, one that meets a fault, the end of a run."""

import json
from collections.abc import Mapping, Sequence

from tests.support.ledger import version_of
from tests.support.requests import (
    Answer,
    Change,
    Count,
    Create,
    Fates,
    Find,
    GetItem,
    Kind,
    PutItem,
    Read,
    Request,
    Run,
    Succeed,
    Update,
)
from tests.support.servicenow import Instance, Row
from tests.support.world import Fault, Flight, World


def added(queue: Sequence[int], events: Sequence[int], number: int) -> tuple[int, ...]:
    """Return the queue with so many more copies of some messages."""
    return tuple(copies + number if event in events else copies for event, copies in enumerate(queue))


def with_run(world: World, slot: int, run: Run | None) -> World:
    """Return the world with another run, or none, in a slot."""
    return world._replace(runs=(*world.runs[:slot], run, *world.runs[slot + 1 :]))


def _told(world: World, run: Run, answer: Answer) -> World:
    return with_run(world, run.slot, run._replace(answers=(*run.answers, answer)))


def finished(world: World, run: Run, fates: Fates) -> World:
    """Return the world after a run has settled its messages."""
    back = [event for event, fate in zip(run.events, fates.of, strict=True) if fate == "back"]
    dead = {event for event, fate in zip(run.events, fates.of, strict=True) if fate == "dead"}
    ended = world._replace(
        queue=added(world.queue, back, 1),
        dead=world.dead | dead,
        defects=world.defects + fates.defects,
    )
    return with_run(ended, run.slot, None)


def written(servicenow: Instance, write: Create | Update) -> Instance:
    """Return the instance after a write; a change of a record that is gone changes nothing."""
    fields = dict(write.fields)
    if isinstance(write, Create):
        return servicenow.insert(fields)
    is_in_vain = servicenow.row(write.sys_id) is None or servicenow.forbids(write.sys_id)
    return servicenow if is_in_vain else servicenow.update(write.sys_id, fields)


def executed(world: World, run: Run, request: Request) -> World:
    """Return the world after a request was carried out and the true answer given."""
    if isinstance(request, GetItem | PutItem | Count | Succeed | Change):
        return _executed_by_ledger(world, run, request)
    servicenow = world.servicenow
    if isinstance(request, Update) and servicenow.forbids(request.sys_id):
        return _failed(world, run, "forbidden")
    if isinstance(request, Create | Update):
        servicenow = written(servicenow, request)
    rows = _shown(servicenow, request)
    return _told(world._replace(servicenow=servicenow), run, Answer(world.now, "done", rows=rows))


def _executed_by_ledger(world: World, run: Run, request: GetItem | PutItem | Count | Succeed | Change) -> World:
    match request:
        case GetItem(pk):
            return _told(world, run, Answer(world.now, "done", item=world.stored(pk)))
        case PutItem(item, expected, pk):
            if version_of(world.item_of(pk)) != expected:
                return _told(world, run, Answer(world.now, "lost race", item=world.stored(pk)))
            return _told(world.with_item(pk, item), run, Answer(world.now, "done"))
        case Count():
            return _counted(world, run, request)
        case Change():
            return _changed(world, run, request)
        case _:
            return _told(_succeeded(world, request), run, Answer(world.now, "done"))


def _counted(world: World, run: Run, request: Count) -> World:
    stored = json.loads(world.stored(request.pk) or '{"problems": []}')
    is_full = len(stored["problems"]) > request.more_than
    if not is_full:
        problems = sorted({*stored["problems"], request.problem})
        stored = {"gathering": request.gathering, **stored, "problems": problems}
    item = json.dumps(stored, sort_keys=True)
    return _told(
        world.with_item(request.pk, item), run, Answer(world.now, "lost race" if is_full else "done", item=item)
    )


def _changed(world: World, run: Run, request: Change) -> World:
    stored = json.loads(world.stored(request.pk) or "{}")
    stored |= {name: json.loads(value) for name, value in request.added}
    if request.counted:
        stored[request.counted] = {"N": str(int(stored.get(request.counted, {"N": "0"})["N"]) + 1)}
    item = json.dumps({name: stored[name] for name in sorted(stored) if name not in request.removed})
    return _told(world.with_item(request.pk, item), run, Answer(world.now, "done", item=item))


def _succeeded(world: World, request: Succeed) -> World:
    stored = json.loads(world.stored(request.pk) or "{}")
    if stored.get("gathering") != request.old:
        return world
    return world.with_item(request.pk, json.dumps({**stored, "gathering": request.new}, sort_keys=True))


def _shown(servicenow: Instance, request: Create | Update | Read | Find) -> tuple[Row, ...]:
    if isinstance(request, Create):
        return servicenow.rows[-1:]
    if isinstance(request, Find):
        return servicenow.matching(request.query)
    return tuple(row for row in servicenow.rows if row.sys_id == request.sys_id)


def met(world: World, run: Run, request: Request, fault: Fault) -> World | None:
    """Return the world after a request met a fault; None where that fault is not for such a request."""
    if fault == "kill":
        return killed(world, run)
    if isinstance(request, PutItem):
        return _met_by_put(world, run, request, fault)
    if isinstance(request, GetItem | Count | Succeed | Change):
        return _failed(world, run, "throttled") if fault == "throttled" else None
    if isinstance(request, Find) and fault == "query ignored":
        return _told(world._replace(refused=True), run, Answer(world.now, "done", rows=world.servicenow.rows))
    if isinstance(request, Read | Find):
        return _failed(world, run, "not done") if fault == "not done" else None
    return _met_by_write(world, run, request, fault)


def _met_by_put(world: World, run: Run, request: PutItem, fault: Fault) -> World | None:
    won = version_of(world.item_of(request.pk)) == request.expected
    there = world.with_item(request.pk, request.item)
    match fault:
        case "throttled":
            return _failed(world, run, "throttled")
        case "ledger answer lost" if won:
            return _failed(there, run, "lost")
        case "ledger repeated" if won:
            return _told(there, run, Answer(world.now, "lost race", item=request.item))
    return None


# A 403 after the commit is known of inserts (KB2697679); a change that is forbidden has not happened.
_OF_ONE_KIND: Mapping[Fault, type[Create | Update]] = {
    "refused after commit": Create,
    "forbidden": Update,
    "hidden": Update,
}


def _met_by_write(world: World, run: Run, request: Create | Update, fault: Fault) -> World | None:
    committed = world._replace(servicenow=written(world.servicenow, request))
    flying = world._replace(flights=(*world.flights, Flight(request, world.now)))
    if fault == "kill in flight":
        return killed(flying, run)
    if fault in _OF_ONE_KIND and not isinstance(request, _OF_ONE_KIND[fault]):
        return None
    outcomes: dict[Fault, tuple[World, Kind]] = {
        "answer lost": (committed, "unknown"),
        "dropped": (world, "unknown"),
        "late": (flying, "unknown"),
        "not done": (world, "not done"),
        "refused": (world._replace(refused=True), "refused"),
        "refused after commit": (committed._replace(refused=True), "forbidden"),
        "forbidden": (world._replace(refused=True), "forbidden"),
        "hidden": (world._replace(refused=True), "hidden"),
        "held": (world, "held"),
    }
    met = outcomes.get(fault)
    return None if met is None else _failed(met[0], run, met[1])


def _failed(world: World, run: Run, kind: Kind) -> World:
    return _told(world, run, Answer(world.now, kind))


def killed(world: World, run: Run) -> World:
    """Return the world after a worker has died: its messages come back."""
    return with_run(world._replace(queue=added(world.queue, run.events, 1)), run.slot, None)
