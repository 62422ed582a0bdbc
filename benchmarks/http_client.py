"""The floor of bench_dispatch.py: aiohttp, which sends and forgets.

python benchmarks/http_client.py URL TOKEN CONNECTIONS SEED
"""

import asyncio
import sys
from collections.abc import Iterator

from aiohttp import ClientSession, TCPConnector

DATA = {
    "customer_name": "Nguyễn Thị Mai",
    "news": "Tin mới",
    "offer": "Giảm 20%",
    "valid_until": "31/12/2026",
    "link": "https://example.com/m/abcdefghijkl1234/",
}


async def send(url: str, token: str, connections: int, messages: int) -> int:
    numbers = iter(range(messages))
    connector = TCPConnector(limit=connections)
    async with ClientSession(
        headers={"access_token": token}, connector=connector
    ) as client:
        work = (_one_connection(client, url, numbers) for _ in range(connections))
        return sum(await asyncio.gather(*work))


async def _one_connection(client: ClientSession, url: str, numbers: Iterator[int]) -> int:
    sent = 0
    for number in numbers:
        body = {
            "phone": f"848{number:08}",
            "template_id": "400005",
            "template_data": DATA,
            "tracking_id": f"bare{number}",
        }
        async with client.post(f"{url}/message/template", json=body) as response:
            answer = await response.json()
        assert answer["error"] == 0, answer
        sent += 1
    return sent


def main() -> None:
    url, token, connections, _seed = sys.argv[1:]
    print(0, flush=True)
    for line in sys.stdin:
        print(asyncio.run(send(url, token, int(connections), int(line))), flush=True)


if __name__ == "__main__":
    main()
