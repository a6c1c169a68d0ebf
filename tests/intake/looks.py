"""Short looks at what intake left in the catalogue."""

from sqlalchemy import Engine
from sqlmodel import select

from blocks.database.engine import reading
from blocks.database.tables import Item, Source
from tasks.intake.reports import IntakeReport


def sources(engine: Engine, collection: str = "lots") -> dict[str, Source]:
    """Source rows by file name."""
    with reading(engine) as session:
        rows = session.exec(select(Source).where(Source.collection == collection))
        return {row.uri.rpartition("/")[2]: row for row in rows}


def items(engine: Engine) -> dict[str, Item]:
    """Items by the name under which they were first seen."""
    with reading(engine) as session:
        return {item.name: item for item in session.exec(select(Item))}


def reasons(report: IntakeReport) -> dict[str, str]:
    """Reasons by file name."""
    return {file.uri.rpartition("/")[2]: file.reason for file in report.set_aside}


def adds_up(report: IntakeReport) -> bool:
    return report.offered == report.taken + report.duplicates + len(report.set_aside)
