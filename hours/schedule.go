package hours

// Schedule is opening hours as data, to be stored, sent as JSON and edited by people. It holds what somebody typed,
// right or wrong: [Schedule.Compile] checks it. The zero value lacks a zone and doesn't compile; a desk without a
// schedule is [Always] open.
type Schedule struct {
	// Zone is the IANA name of the zone whose wall clock counts ("Europe/Paris"). Required; UTC has to be written.
	Zone string `json:"zone"`
	// Week holds the slots that repeat every week. A day without slots is closed.
	Week Week `json:"week,omitzero"`
	// Exceptions are dates with hours of their own, in any order. No two may have the same Date; "2026-12-25" goes
	// before "12-25".
	Exceptions []Exception `json:"exceptions,omitzero"`
	// Holidays are the ids of shared lists ([Holidays]) whose days are exceptions too. Exceptions of the schedule go
	// before those of a list, and lists go before the ones named after them.
	Holidays []string `json:"holidays,omitzero"`
}

// Week is the hours of each day of a week. The zero value is closed all week.
type Week struct {
	Monday    Day `json:"monday,omitzero"`
	Tuesday   Day `json:"tuesday,omitzero"`
	Wednesday Day `json:"wednesday,omitzero"`
	Thursday  Day `json:"thursday,omitzero"`
	Friday    Day `json:"friday,omitzero"`
	Saturday  Day `json:"saturday,omitzero"`
	Sunday    Day `json:"sunday,omitzero"`
}

// Day is the hours of one weekday. The zero value is closed.
type Day struct {
	// Slots are in any order. Slots that touch are fine; slots that overlap are refused.
	Slots []Slot `json:"slots,omitzero"`
	// Zone is the zone that this day's slots are written in; empty means the schedule's. Where days of different
	// zones meet, the desk is open when either says so.
	Zone string `json:"zone,omitzero"`
}

// Slot is one opening, from From up to but not including To, both "HH:MM" on a 24-hour clock. To may be "24:00". A To
// before From is on the next day: 22:00 to 06:00 is a night of 8 hours. From and To must not be equal: 24
// hours are 00:00 to 24:00.
type Slot struct {
	From string `json:"from"`
	To   string `json:"to"`
}

// Exception is a date with hours of its own: they replace every slot that starts on that date.
type Exception struct {
	// Date is "2026-12-25", or "12-25" for every year. "02-29" counts in leap years only.
	Date string `json:"date"`
	// Name is for people ("Christmas"); it may be empty and means nothing here.
	Name string `json:"name,omitzero"`
	// Slots are the date's hours; none means closed. They may overlap a night slot that runs in from a day of the
	// week, since that one can't be shortened; they may not overlap each other or the next day's exception.
	Slots []Slot `json:"slots,omitzero"`
	// Zone is the zone of Date and Slots; empty means the zone of that weekday.
	Zone string `json:"zone,omitzero"`
}

// Holidays is a list of exceptions that several schedules share, such as a country's public holidays.
type Holidays struct {
	ID   string      `json:"id"`            // what [Schedule].Holidays names
	Name string      `json:"name,omitzero"` // for people
	Days []Exception `json:"days,omitzero"` // in any order, no two with the same Date
}

// MondayToFriday returns a week that has the same slots on the five working days and is closed at the weekend. The
// days share one slice.
func MondayToFriday(slots ...Slot) Week {
	d := Day{Slots: slots}
	return Week{Monday: d, Tuesday: d, Wednesday: d, Thursday: d, Friday: d}
}

// EveryDay returns a week that has the same slots on all seven days. The days share one slice.
func EveryDay(slots ...Slot) Week {
	w := MondayToFriday(slots...)
	w.Saturday, w.Sunday = w.Monday, w.Monday
	return w
}

// days returns the week in the order of [time.Weekday].
func (w Week) days() [7]Day {
	return [7]Day{w.Sunday, w.Monday, w.Tuesday, w.Wednesday, w.Thursday, w.Friday, w.Saturday}
}

// dayNames are the JSON names of the days in the order of [time.Weekday], to name a place in a schedule.
var dayNames = [7]string{"sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"}
