"""What the base model is asked to draw: held-out contents in every light, which a prompt names."""

from toffee.data.world.subject import heldout_prompt
from toffee.data.world.vocabulary import LIGHTS
from toffee.evaluation.draw.base import heldout_contents, light_of, prompt_of


def test_contents_are_held_out_and_have_every_light():
    contents = heldout_contents(80, seed=3)
    assert all(heldout_prompt(s.class_word, s.colour, scene.background) for s, scene in contents)
    assert {scene.light for _, scene in contents} == set(LIGHTS)


def test_a_prompt_names_the_light_that_is_read_and_none_at_night():
    told = set()
    for content in heldout_contents(120, seed=3):
        text, light = prompt_of(*content), light_of(content[1])
        named = {word for word in ("sunset", "dusk") if f"at {word}" in text}
        assert named == {light} - {"", "day"}, text
        assert (light == "") == ("night" in text), text
        told.add(light)
    assert told == {"", *LIGHTS}
