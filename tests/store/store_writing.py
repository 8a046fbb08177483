"""A writer to be killed: each number is an exchange with two rows; how far it has read is committed with them.

Prints the number that it has committed, after every commit. Now and then it merges and removes what is due.
"""

import random
import sys
from pathlib import Path

from store_samples import BEGAN, DAY, HOUR, exchanges, rows

from watchtower.journal.offsets import Position
from watchtower.store.schemas import TableName
from watchtower.store.settings import StoreSettings
from watchtower.store.store import Store

SETTINGS = StoreSettings(compact_after=0)
STREAM = "numbers"


def write(data_dir: Path, seed: int) -> None:
    chance = random.Random(seed)
    with Store(data_dir, SETTINGS) as store, store.housekeeper() as housekeeper:
        at = store.state.offsets.get(STREAM, Position()).offset
        while True:
            numbers = range(at, at + chance.randint(1, 50))
            hour = BEGAN + chance.randrange(3) * HOUR
            store.tables.add(TableName.EXCHANGES, "churn", exchanges(*numbers, at_ns=hour), now_ns=BEGAN)
            for row, value in enumerate((numbers, [str(number) for number in numbers])):
                columns = rows(*numbers, at_ns=hour, more={"row": row, "in.a": value})
                store.tables.add(TableName.ROWS, "churn", columns, now_ns=BEGAN)
            at = numbers.stop
            store.commit(offsets={STREAM: Position(0, at)}, counters={"exchanges": len(numbers)})
            sys.stdout.write(f"{at}\n")
            sys.stdout.flush()
            if chance.random() < 0.3:
                housekeeper.step(BEGAN + DAY)


if __name__ == "__main__":
    write(Path(sys.argv[1]), int(sys.argv[2]))
