"""A session against amqtt: see mqtt_suite.py for each test."""

from tests.ports import mqtt_suite as suite


async def test_retained_messages_stay_and_others_do_not():
    await suite.retained_messages_stay_and_others_do_not("amqtt")


async def test_payloads_of_every_length_field_arrive():
    await suite.payloads_of_every_length_field_arrive("amqtt")


async def test_many_publishes_can_be_under_way():
    await suite.many_publishes_can_be_under_way("amqtt")


async def test_a_session_that_vanishes_leaves_its_will():
    await suite.a_session_that_vanishes_leaves_its_will("amqtt")


async def test_a_session_without_a_will_leaves_nothing():
    await suite.a_session_without_a_will_leaves_nothing("amqtt")


async def test_a_session_that_says_goodbye_leaves_no_will():
    await suite.a_session_that_says_goodbye_leaves_no_will("amqtt")


async def test_a_broker_that_is_not_there_yet():
    await suite.a_broker_that_is_not_there_yet("amqtt")


async def test_a_broker_that_is_killed_and_comes_back():
    await suite.a_broker_that_is_killed_and_comes_back("amqtt")


async def test_a_publish_under_way_fails_when_the_link_is_cut():
    await suite.a_publish_under_way_fails_when_the_link_is_cut("amqtt")


async def test_a_link_that_swallows_messages_is_given_up():
    await suite.a_link_that_swallows_messages_is_given_up("amqtt")


async def test_messages_without_an_acknowledgement_are_bounded():
    await suite.messages_without_an_acknowledgement_are_bounded("amqtt")


async def test_bad_credentials_are_for_a_person_to_fix():
    await suite.bad_credentials_are_for_a_person_to_fix("amqtt")


async def test_a_quiet_session_is_kept_alive():
    await suite.a_quiet_session_is_kept_alive("amqtt")
