"""What ServiceNow did not keep is named, with the rule that the instance shows for it; and what the account allows."""

from tests.integration.doctor.world import Doctor, World, detail_of, steps


def test_a_field_that_is_not_kept_is_named(world: World, doctor: Doctor) -> None:
    """By its table; where no rule is to be seen, none is made up."""
    world.configure(denied_fields=("incident.correlation_id",))
    assert detail_of(doctor({"write": True}), "create incident").endswith("did not keep incident.correlation_id.")


def test_the_rules_that_the_instance_shows_are_named(world: World, doctor: Doctor) -> None:
    """A data policy by its name, and a column that the dictionary has read-only."""
    policy = world.servicenow.insert("sys_data_policy2", {"short_description": "Monitoring is read-only"})
    rule = {"sys_data_policy": policy, "table": "task", "field": "correlation_id", "disabled": "true"}
    world.servicenow.insert("sys_data_policy_rule", rule)
    column = {"name": "incident", "element": "correlation_id", "read_only": "true"}
    world.servicenow.insert("sys_dictionary", column)
    world.configure(denied_fields=("incident.correlation_id",))

    detail = detail_of(doctor({"write": True}), "create incident")

    assert "the data policy 'Monitoring is read-only' makes incident.correlation_id read-only" in detail
    assert "the dictionary has incident.correlation_id read-only" in detail


def test_a_quota_that_cannot_be_read_proves_nothing(world: World, doctor: Doctor) -> None:
    """A boundary may deny it, or a network have no way to Lambda's API: events come all the same."""
    world.refuse_aws("GetAccountSettings", "AccessDeniedException")
    report = doctor()
    assert steps(report)["concurrency"] == "not observable"
    assert report["healthy"]


def test_access_logs_that_are_off_say_what_they_take(world: World, doctor: Doctor) -> None:
    """They are off by default, so that the default deploys everywhere."""
    world.set(SWITCHED_ON="")
    report = doctor()
    assert steps(report)["access logs"] == "not observable"
    assert "ApiAccessLogging=true" in detail_of(report, "access logs")
    assert report["healthy"]
