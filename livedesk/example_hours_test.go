package livedesk_test

import (
	"context"
	"fmt"
	"time"
	_ "time/tzdata" // for machines without zone files

	"github.com/livedesk/livedesk-go/hours"
	"github.com/livedesk/livedesk-go/livedesk"
)

// A channel with business hours: customers are told when it opens, and wait for that.
func ExampleDesk_PutSchedule() {
	ctx := context.Background()
	_, desk, ch, _ := exampleDesk(livedesk.Config{})
	_, _ = desk.PutAgent(ctx, livedesk.Agent{ID: "ada"})
	_ = desk.SetMembers(ctx, ch.ID, []string{"ada"})
	_ = desk.SetPresence(ctx, "ada", livedesk.Online, 0)

	office := hours.Schedule{
		Zone:       "Europe/Paris",
		Week:       hours.MondayToFriday(hours.Slot{From: "09:00", To: "12:00"}, hours.Slot{From: "14:00", To: "18:00"}),
		Exceptions: []hours.Exception{{Date: "12-25", Name: "Christmas"}},
	}
	s, err := desk.PutSchedule(ctx, livedesk.Schedule{Name: "Office", Hours: office})
	fmt.Println(s.Name, err)

	ch.Schedule = s.ID
	ch.ClosedHours = livedesk.ClosedHours{Text: "We are closed. We open {{next_open}}.", HumansWait: true}
	ch, err = desk.PutChannel(ctx, ch)
	fmt.Println(err)

	for _, at := range []string{"2026-12-24T09:30:00Z", "2026-12-25T09:30:00Z"} {
		t, _ := time.Parse(time.RFC3339, at)
		would, _ := desk.Simulate(ctx, livedesk.Simulation{Channel: ch.ID, At: t})
		d := would.Decision
		fmt.Printf("%q %s\n", d.Agent, d.Opens.Format(time.RFC3339))
	}

	office.Week.Saturday.Slots = []hours.Slot{{From: "9:00", To: "12:00"}}
	s.Hours = office
	_, err = desk.PutSchedule(ctx, s)
	for _, f := range livedesk.FieldErrors(err) {
		fmt.Println(f.Field)
	}
	// Output:
	// Office <nil>
	// <nil>
	// "ada" 0001-01-01T00:00:00Z
	// "" 2026-12-28T08:00:00Z
	// hours.week.saturday.slots[0].from
}
