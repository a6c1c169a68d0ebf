"""Letters to a shop, written by a small grammar: what each is about is known, and no single word tells it.

People who write about a delivery mention money and faults as well, greet, ramble and mistype, so a model that counts
words is wrong now and then.
"""

from collections.abc import Iterator, Sequence

import numpy as np

CLASSES = ("delivery", "payment", "fault", "return")

THINGS = (
    "kettle", "lamp", "jacket", "phone case", "backpack", "headphones", "rice cooker", "desk chair", "running shoes",
    "board game", "blanket", "garden hose", "drill", "teapot", "rucksack", "toaster", "bicycle bell", "monitor",
)  # fmt: skip

CORES: dict[str, tuple[str, ...]] = {
    "delivery": (
        "the {thing} was meant to be here on {day} and nobody has come",
        "tracking has said 'on its way' for {n} days now",
        "your driver left the {thing} with a neighbour I do not know",
        "I moved house, can the {thing} still be sent to the new address",
        "only one of {n} boxes has turned up",
        "which day will the {thing} get here, I have to be at home for it",
    ),
    "payment": (
        "my card was charged {n} times for the {thing}",
        "the invoice for the {thing} has the wrong name on it",
        "the voucher was not taken off what I paid",
        "I see {n} euros more on my statement than the {thing} costs",
        "can I pay for the {thing} in {n} instalments",
        "the checkout says my card is refused, and my bank knows nothing of it",
    ),
    "fault": (
        "the {thing} stopped working after {n} days",
        "there is a crack along the side of the {thing}",
        "the {thing} makes a noise like gravel whenever I touch it",
        "one screw is missing, so the {thing} will not stand up",
        "the {thing} smells burnt as soon as it is on",
        "it leaks, it wobbles, and the manual of the {thing} is for another one",
    ),
    "return": (
        "I would rather not keep the {thing}, how do I give it back",
        "the {thing} is too small, I want the next size up in exchange",
        "where do I get the label to send the {thing} to you",
        "changed my mind about the {thing} after {n} days, is that too late",
        "the {thing} was a present and they have got one already",
        "I sent the {thing} back on {day} and have heard nothing since",
    ),
}

ASIDES = (
    "I paid {n} euros for it after all",
    "it came in a big box",
    "the last {thing} I had from you arrived on {day} and worked well",
    "my order was a {thing} and a {other}",
    "I have been waiting on the phone for {n} minutes",
    "a friend of mine sent hers back",
    "the driver was friendly, by the way",
    "it is not broken or anything",
    "money is not the point here",
    "I do not want to return anything",
    "the card I used is the one you have",
    "the box was a bit dented",
    "nobody answers your mail",
)
GREETINGS = ("Hello", "Hi there", "Good morning", "Dear team", "To whom it may concern", "hey", "")
ENDINGS = ("Thanks", "Please help!", "Regards", "Best wishes 🙂", "Waiting for an answer…", "<b>Urgent</b>", "")
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "the 3rd", "the 14th", "the 27th")

SHORT_OF_WORDS = 0.08
"""Share of letters that hardly say what they are about."""

SHORT = (
    "about my {thing}: as I said on the phone",
    "it is about the {thing} again, see my last mail",
    "what about the {thing} now? it has been {n} days",
)

SLIP = 0.012
"""Share of letters (of the alphabet) that are mistyped."""


def write_letters(count: int, seed: int = 0) -> Iterator[tuple[str, str]]:
    """Yield so many letters, each with what it is about; all classes are equally likely, and no letter comes twice.

    Args:
        count: How many.
        seed: The same seed writes the same letters.
    """
    rng, seen = np.random.default_rng(seed), set[str]()
    while len(seen) < count:
        class_name = CLASSES[int(rng.integers(len(CLASSES)))]
        text = _letter(class_name, rng)
        if text not in seen:
            seen.add(text)
            yield text, class_name


def _letter(class_name: str, rng: np.random.Generator) -> str:
    core = _pick(SHORT if rng.random() < SHORT_OF_WORDS else CORES[class_name], rng)
    sentences = [core, *(_pick(ASIDES, rng) for _ in range(int(rng.integers(0, 4))))]
    rng.shuffle(sentences)
    filled = (
        one.format(thing=_pick(THINGS, rng), other=_pick(THINGS, rng), day=_pick(DAYS, rng), n=int(rng.integers(2, 9)))
        for one in sentences
    )
    told = ". ".join(one[0].upper() + one[1:] for one in filled)
    greeting, ending = _pick(GREETINGS, rng), _pick(ENDINGS, rng)
    return "\n".join(part for part in (greeting, _mistyped(told + ".", rng), ending) if part)


def _mistyped(text: str, rng: np.random.Generator) -> str:
    letters = list(text)
    for place in np.flatnonzero(rng.random(len(letters)) < SLIP):
        if letters[place].isalpha():
            letters[place] = str(rng.choice(["", letters[place] * 2, "e", "a", "n"]))
    return "".join(letters)


def _pick(some: Sequence[str], rng: np.random.Generator) -> str:
    return some[int(rng.integers(len(some)))]
