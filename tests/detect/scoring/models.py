"""Small models of texts, trained in a moment, as files that a training writes."""

from pathlib import Path

from infra.demo.texts.letters import write_letters
from tasks.detect.tagging.crf import SUFFIX
from tasks.detect.tagging.features import features_of
from tasks.detect.tagging.tokens import tags_of, tokens_of
from tasks.suggest.text_model import ENDING, TextModel
from tasks.train.fitting.trainers.tagger import Tagged, train_tagger
from tests.kinds.spans.letters import CLASSES, write_letter


def save_text_model(folder: Path) -> Path:
    """A classifier of letters to a shop."""
    letters = list(write_letters(80, seed=1))
    texts = {str(number): text for number, (text, _) in enumerate(letters)}
    names = {str(number): name for number, (_, name) in enumerate(letters)}
    path = folder / f"letters{ENDING}"
    path.write_bytes(TextModel.of(texts, names).to_bytes())
    return path


def save_tagger(folder: Path) -> Path:
    """A tagger of names and places."""
    path = folder / f"names{SUFFIX}"
    train_tagger(map(_tagged, range(100)), CLASSES, rounds=50).save(path)
    return path


def _tagged(seed: int) -> Tagged:
    text, spans = write_letter(seed)
    tokens = tokens_of(text)
    return features_of(tokens), tags_of(tokens, spans)[0]
