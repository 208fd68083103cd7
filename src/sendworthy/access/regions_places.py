"""Where AWS's Regions are, for distance and for where data lies. Knows no account and no service.

Places and countries are AWS's own names for its Regions; positions are those of the named place, to a degree or so,
which is enough to order Regions by distance.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import asin, cos, radians, sin, sqrt

_EARTH_KM = 6371.0


@dataclass(frozen=True, slots=True)
class Place:
    """A Region's place. `residence` is whose law on data holds there, in a few words."""

    name: str
    country: str
    latitude: float
    longitude: float
    residence: str


_EU = "European Union (GDPR)"
_US = "United States"

PLACES: Mapping[str, Place] = {
    "af-south-1": Place("Cape Town", "ZA", -33.9, 18.4, "South Africa (POPIA)"),
    "ap-northeast-1": Place("Tokyo", "JP", 35.7, 139.7, "Japan (APPI)"),
    "ap-northeast-2": Place("Seoul", "KR", 37.6, 127.0, "South Korea (PIPA)"),
    "ap-northeast-3": Place("Osaka", "JP", 34.7, 135.5, "Japan (APPI)"),
    "ap-south-1": Place("Mumbai", "IN", 19.1, 72.9, "India (DPDP Act)"),
    "ap-south-2": Place("Hyderabad", "IN", 17.4, 78.5, "India (DPDP Act)"),
    "ap-southeast-1": Place("Singapore", "SG", 1.3, 103.8, "Singapore (PDPA)"),
    "ap-southeast-2": Place("Sydney", "AU", -33.9, 151.2, "Australia (Privacy Act)"),
    "ap-southeast-3": Place("Jakarta", "ID", -6.2, 106.8, "Indonesia (PDP Law)"),
    "ap-southeast-5": Place("Malaysia", "MY", 3.1, 101.7, "Malaysia (PDPA)"),
    "ca-central-1": Place("Montreal", "CA", 45.5, -73.6, "Canada (PIPEDA)"),
    "ca-west-1": Place("Calgary", "CA", 51.0, -114.1, "Canada (PIPEDA)"),
    "eu-central-1": Place("Frankfurt", "DE", 50.1, 8.7, _EU),
    "eu-central-2": Place("Zurich", "CH", 47.4, 8.5, "Switzerland (FADP)"),
    "eu-north-1": Place("Stockholm", "SE", 59.3, 18.1, _EU),
    "eu-south-1": Place("Milan", "IT", 45.5, 9.2, _EU),
    "eu-west-1": Place("Ireland", "IE", 53.3, -6.3, _EU),
    "eu-west-2": Place("London", "GB", 51.5, -0.1, "United Kingdom (UK GDPR)"),
    "eu-west-3": Place("Paris", "FR", 48.9, 2.4, _EU),
    "il-central-1": Place("Tel Aviv", "IL", 32.1, 34.8, "Israel (Privacy Protection Law)"),
    "me-central-1": Place("UAE", "AE", 24.5, 54.4, "United Arab Emirates (PDPL)"),
    "me-south-1": Place("Bahrain", "BH", 26.2, 50.6, "Bahrain (PDPL)"),
    "sa-east-1": Place("São Paulo", "BR", -23.6, -46.6, "Brazil (LGPD)"),
    "us-east-1": Place("Northern Virginia", "US", 38.9, -77.4, _US),
    "us-east-2": Place("Ohio", "US", 40.0, -83.0, _US),
    "us-west-1": Place("Northern California", "US", 37.4, -121.9, _US),
    "us-west-2": Place("Oregon", "US", 45.8, -119.7, _US),
    "us-gov-east-1": Place("GovCloud East", "US", 40.0, -83.0, "United States (government)"),
    "us-gov-west-1": Place("GovCloud West", "US", 45.8, -119.7, "United States (government)"),
}


def kilometres(one: tuple[float, float], two: tuple[float, float]) -> float:
    """Give the great-circle distance of two positions (latitude, longitude in degrees)."""
    north_one, east_one, north_two, east_two = map(radians, (*one, *two))
    half = sin((north_two - north_one) / 2) ** 2 + cos(north_one) * cos(north_two) * sin((east_two - east_one) / 2) ** 2
    return 2 * _EARTH_KM * asin(min(1.0, sqrt(half)))


def position(text: str) -> tuple[float, float]:
    """Read a Region's name or `LATITUDE,LONGITUDE`. Raises ValueError with one sentence."""
    name = text.strip()
    if name in PLACES:
        return PLACES[name].latitude, PLACES[name].longitude
    try:
        north, east = (float(part) for part in name.split(","))
    except ValueError:
        raise ValueError("It is neither a Region with a known place nor LATITUDE,LONGITUDE.") from None
    if not -90 <= north <= 90 or not -180 <= east <= 180:
        raise ValueError("Latitudes go from -90 to 90, longitudes from -180 to 180.")
    return north, east
