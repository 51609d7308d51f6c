"""Load on the services that `--service` names, or on all that the target lists: `locust -f locustfile.py`
(web interface on 8089), or with `--headless`.
"""

from loadtest.generator.shape import PlannedShape
from loadtest.generator.users import Arrivals, ChatUser

__all__ = ["Arrivals", "ChatUser", "PlannedShape"]
