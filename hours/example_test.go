package hours_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/livedesk/livedesk-go/hours"
)

func Example() {
	table, err := hours.Schedule{
		Zone: "Europe/Paris",
		Week: hours.MondayToFriday(
			hours.Slot{From: "09:00", To: "12:30"},
			hours.Slot{From: "13:30", To: "18:00"},
		),
		Exceptions: []hours.Exception{
			{Date: "12-25", Name: "Christmas"}, // every year
			{Date: "2026-12-24", Slots: []hours.Slot{{From: "09:00", To: "12:00"}}},
		},
	}.Compile()
	if err != nil {
		fmt.Println(err)
		return
	}

	at := time.Date(2026, 12, 24, 15, 0, 0, 0, time.UTC) // a Thursday
	fmt.Println("open:", table.IsOpen(at))
	if next, ok := table.NextOpen(at); ok {
		fmt.Println("opens:", next.Format("Monday 2 January at 15:04"))
	}
	// Output:
	// open: false
	// opens: Monday 28 December at 09:00
}

// A schedule from a form or a file: every mistake is named with its place, to be shown beside the field.
func ExampleSchedule_Compile() {
	var s hours.Schedule
	_ = json.Unmarshal([]byte(`{
		"zone": "Europe/Pari",
		"week": {
			"friday":   {"slots": [{"from": "22:00", "to": "06:00"}]},
			"saturday": {"slots": [{"from": "05:00", "to": "12:00"}]}
		},
		"exceptions": [{"date": "2026-02-30"}]
	}`), &s)

	_, err := s.Compile()
	if invalid, ok := errors.AsType[*hours.InvalidError](err); ok {
		for _, p := range invalid.Problems {
			fmt.Println(p)
		}
	}
	// Output:
	// zone: not a usable time zone: "Europe/Pari" is unknown
	// week.saturday.slots[0]: overlaps another slot: week.friday.slots[0]
	// exceptions[0].date: not a date: "2026-02-30"
}

// A list of public holidays that several schedules share.
func ExampleHolidays() {
	france := hours.Holidays{ID: "fr", Days: []hours.Exception{{Date: "05-01"}, {Date: "07-14"}}}
	table, err := hours.Schedule{
		Zone:     "Europe/Paris",
		Week:     hours.EveryDay(hours.Slot{From: "08:00", To: "20:00"}),
		Holidays: []string{"fr"},
	}.Compile(france)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(table.IsOpen(time.Date(2026, 7, 14, 10, 0, 0, 0, time.UTC)))
	// Output: false
}

// The end of the next opening, from any instant.
func ExampleTimetable_NextClose() {
	table, err := hours.Schedule{
		Zone: "America/New_York",
		Week: hours.EveryDay(hours.Slot{From: "22:00", To: "06:00"}),
	}.Compile()
	if err != nil {
		fmt.Println(err)
		return
	}
	noon := time.Date(2026, 3, 7, 17, 0, 0, 0, time.UTC)
	opens, _ := table.NextOpen(noon)
	closes, _ := table.NextClose(opens)
	fmt.Println(opens.Format(time.RFC3339), closes.Format(time.RFC3339), closes.Sub(opens)) // clocks go forward that night
	// Output: 2026-03-07T22:00:00-05:00 2026-03-08T06:00:00-04:00 7h0m0s
}

// A channel without a schedule.
func ExampleFixed() {
	fmt.Println(hours.Always.IsOpen(time.Date(2026, 1, 1, 3, 0, 0, 0, time.UTC)))
	// Output: true
}
