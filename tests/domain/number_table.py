"""Numbers of many countries and where their phones really ring, written down apart from the library.

None stands for a number that tells no place: it rings where the campaign's fallback says.
"""

from collections.abc import Mapping

FALLBACK = "Africa/Nairobi"

NUMBERS: Mapping[str, tuple[str, ...] | None] = {
    # United States
    "+12125550123": ("America/New_York",),
    "+13125550123": ("America/Chicago",),
    "+13035550123": ("America/Denver",),
    "+14155550123": ("America/Los_Angeles",),
    "+16025550123": ("America/Phoenix",),
    "+18085550123": ("Pacific/Honolulu",),
    "+19075550123": ("America/Anchorage",),
    "+12195550123": ("America/Chicago",),
    "+12705550123": ("America/Chicago", "America/New_York"),
    "+13645550123": ("America/Chicago", "America/New_York"),
    "+14235550123": ("America/New_York",),
    "+18125550123": ("America/Indiana/Indianapolis", "America/Chicago"),
    "+18505550123": ("America/New_York", "America/Chicago"),
    "+14485550123": ("America/New_York", "America/Chicago"),
    "+19305550123": ("America/Indiana/Indianapolis", "America/Chicago"),
    "+12085550123": ("America/Boise", "America/Los_Angeles"),
    "+18005550123": None,
    "+18885550123": None,
    # +1 elsewhere
    "+14165550123": ("America/Toronto",),
    "+16045550123": ("America/Vancouver",),
    "+13065550123": ("America/Regina",),
    "+17095550123": ("America/St_Johns",),
    "+12423591234": ("America/Nassau",),
    "+18762101234": ("America/Jamaica",),
    "+12462501234": ("America/Barbados",),
    "+18682911234": ("America/Port_of_Spain",),
    "+18092345678": ("America/Santo_Domingo",),
    "+17872345678": ("America/Puerto_Rico",),
    "+14413701234": ("Atlantic/Bermuda",),
    # Russia and Kazakhstan
    "+74951234567": ("Europe/Moscow",),
    "+73912345678": ("Asia/Krasnoyarsk",),
    "+74012345678": ("Europe/Kaliningrad",),
    "+74232345678": ("Asia/Vladivostok",),
    "+77172123456": ("Asia/Almaty",),
    # Brazil
    "+551131234567": ("America/Sao_Paulo",),
    "+559232345678": ("America/Manaus",),
    "+556832123456": ("America/Rio_Branco",),
    "+558131234567": ("America/Recife",),
    "+558136191234": ("America/Noronha",),
    "+558738611234": ("America/Recife",),
    # Australia and New Zealand
    "+61299991234": ("Australia/Sydney",),
    "+61396701234": ("Australia/Melbourne",),
    "+61731234567": ("Australia/Brisbane",),
    "+61755361234": ("Australia/Brisbane",),
    "+61862001234": ("Australia/Perth",),
    "+61882001234": ("Australia/Adelaide",),
    "+6493001234": ("Pacific/Auckland",),
    # Indonesia
    "+62211234567": ("Asia/Jakarta",),
    "+62361123456": ("Asia/Makassar",),
    "+62967123456": ("Asia/Jayapura",),
    # Satellites and free numbers of no country
    "+870773123456": None,
    "+881612345678": None,
    "+8821612345678": None,
    "+80012345678": None,
    # Others
    "+442071234567": ("Europe/London",),
    "+493012345678": ("Europe/Berlin",),
    "+33142345678": ("Europe/Paris",),
    "+594594123456": ("America/Cayenne",),
    "+34922123456": ("Atlantic/Canary",),
    "+34912345678": ("Europe/Madrid",),
    "+351296123456": ("Atlantic/Azores",),
    "+81312345678": ("Asia/Tokyo",),
    "+526641234567": ("America/Tijuana",),
    "+525512345678": ("America/Mexico_City",),
    "+56221234567": ("America/Santiago",),
    "+911123456789": ("Asia/Kolkata",),
    "+8613912345678": ("Asia/Shanghai",),
    "+27111234567": ("Africa/Johannesburg",),
    "+97142345678": ("Asia/Dubai",),
}
