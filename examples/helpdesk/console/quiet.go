package console

import (
	"errors"
	"net/http"
	"strings"

	"github.com/livedesk/livedesk-go/hours"
	"github.com/livedesk/livedesk-go/livedesk"
)

// readQuiet reads a channel's quiet hours; without times there are none, whatever the zone.
func readQuiet(r *http.Request) livedesk.QuietHours {
	q := livedesk.QuietHours{
		From: strings.TrimSpace(r.PostFormValue("quiet_from")), To: strings.TrimSpace(r.PostFormValue("quiet_to")),
		Zone: strings.TrimSpace(r.PostFormValue("quiet_zone")),
	}
	if q.From == "" && q.To == "" {
		return livedesk.QuietHours{}
	}
	return q
}

// quietProblems says what is wrong with quiet hours, by field of the form. The desk says it of all of them at once, and only
// when the channel is stored.
func quietProblems(q livedesk.QuietHours) map[string]string {
	problems := map[string]string{}
	if q == (livedesk.QuietHours{}) {
		return problems
	}
	night := hours.Day{Slots: []hours.Slot{{From: q.From, To: q.To}}}
	_, err := hours.Schedule{Zone: q.Zone, Week: hours.Week{Monday: night}}.Compile()
	if wrong, ok := errors.AsType[*hours.InvalidError](err); ok {
		for _, p := range wrong.Problems {
			problems[quietField(p.Place)] = p.Err.Error()
		}
	}
	if q.From == "00:00" && q.To == "24:00" {
		problems["quiet_to"] = "leaves no hour to speak in"
	}
	return problems
}

// quietField is the form's field for a place in a schedule of one slot.
func quietField(place string) string {
	switch {
	case place == "zone":
		return "quiet_zone"
	case strings.HasSuffix(place, ".from"):
		return "quiet_from"
	}
	return "quiet_to"
}
