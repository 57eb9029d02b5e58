package livedesk_test

import (
	"context"
	"fmt"
	"time"

	"github.com/livedesk/livedesk-go/livedesk"
)

// The list of whom not to write to comes along from the desk that a team had before. Lines may come in any order, and twice:
// the newest change of each number decides.
func ExampleDesk_ImportConsents() {
	ctx := context.Background()
	_, desk, ch, _ := exampleDesk(livedesk.Config{})
	old := []livedesk.ConsentLine{
		{Channel: ch.ID, Address: "+14155550101", ConsentChange: livedesk.ConsentChange{OptedOut: true, At: time.Date(2025, 6, 1, 9, 0, 0, 0, time.UTC)}},
		{Channel: ch.ID, Address: "+14155550101", ConsentChange: livedesk.ConsentChange{At: time.Date(2024, 1, 1, 9, 0, 0, 0, time.UTC)}},
		{Channel: ch.ID, Address: "call me, please", ConsentChange: livedesk.ConsentChange{OptedOut: true, At: time.Date(2025, 6, 1, 9, 0, 0, 0, time.UTC)}},
	}
	done, err := desk.ImportConsents(ctx, func(yield func(livedesk.ConsentLine, error) bool) {
		for _, l := range old { // or a row of a file after the other
			if !yield(l, nil) {
				return
			}
		}
	})
	fmt.Println(done.Changed, "of", done.Lines, err)
	for _, w := range done.Wrong {
		fmt.Println("line", w.Index, w.Fields[0].Field)
	}
	_, err = desk.Notify(ctx, ch.ID, "+14155550101", livedesk.Draft{Text: "Your parcel is here."})
	fmt.Println(livedesk.ErrorCode(err))
	for l, err := range desk.ExportConsents(ctx, livedesk.ConsentExport{Latest: true, OptedOut: true}) {
		fmt.Println(l.Address, l.Source, l.At.Year(), err)
	}
	// Output:
	// 2 of 3 <nil>
	// line 2 address
	// opted_out
	// +14155550101 import 2025 <nil>
}

// Who asks on the phone is opted out by hand. START doesn't lift that; a person does.
func ExampleDesk_OptOut() {
	ctx := context.Background()
	_, desk, ch, _ := exampleDesk(livedesk.Config{})
	_, err := desk.OptOut(ctx, ch.ID, "+14155550101", livedesk.AgentActor("ada"), "asked on the phone")
	if err != nil {
		panic(err)
	}
	ledger, err := desk.ConsentHistory(ctx, ch.ID, "+14155550101")
	for _, c := range ledger.Changes {
		fmt.Println(c.OptedOut, c.Source, c.By.ID, c.Cause, err)
	}
	// Output: true agent ada asked on the phone <nil>
}

// A console shows what a text takes while it is written.
func ExampleDesk_ReportText() {
	ctx := context.Background()
	_, desk, ch, _ := exampleDesk(livedesk.Config{})
	report, _ := desk.ReportText(ctx, ch.ID, "Hi {{contact}}, it’s {{channel}}!")
	fmt.Println(report.Variables, report.Typical.Encoding, report.Typical.Segments)
	for _, f := range report.Shortest.Foreign {
		fmt.Printf("%s makes it UCS-2; %s would not\n", f.Character, f.Instead)
	}
	_, err := desk.ReportText(ctx, ch.ID, "Hi {{name}}")
	fmt.Println(livedesk.FieldErrors(err)[0].Problem)
	// Output:
	// [contact channel] ucs2 1
	// ’ makes it UCS-2; ' would not
	// names {{name}}; there are only {{contact}}, {{channel}}, {{agent}}, {{next_open}}
}
