package hours_test

import (
	"encoding/json"
	"os"
	"testing"
	"time"
	_ "time/tzdata" // for machines without zone files

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/hours"
)

// referenceCase is one line of testdata/hours.json, which two independent programs agree on.
type referenceCase struct {
	ID       string                     `json:"id"`
	Zone     string                     `json:"zone"`
	Week     map[string][][2]string     `json:"week"`
	Holidays []string                   `json:"holidays"`
	At       time.Time                  `json:"at"`
	Agree    bool                       `json:"agree"`
	Expect   map[string]referenceAnswer `json:"expect"`
}

type referenceAnswer struct {
	Open bool       `json:"open"`
	Next *time.Time `json:"next"` // the next flip; nil when there is none within 370 days
}

func (c referenceCase) schedule() hours.Schedule {
	s := hours.Schedule{Zone: c.Zone}
	for name, day := range map[string]*hours.Day{
		"mon": &s.Week.Monday, "tue": &s.Week.Tuesday, "wed": &s.Week.Wednesday, "thu": &s.Week.Thursday,
		"fri": &s.Week.Friday, "sat": &s.Week.Saturday, "sun": &s.Week.Sunday,
	} {
		for _, slot := range c.Week[name] {
			day.Slots = append(day.Slots, hours.Slot{From: slot[0], To: slot[1]})
		}
	}
	for _, date := range c.Holidays {
		s.Exceptions = append(s.Exceptions, hours.Exception{Date: date})
	}
	return s
}

func (c referenceCase) expected() referenceAnswer {
	if c.Agree {
		return c.Expect["all"]
	}
	return c.Expect["wall/start"]
}

func referenceCases(t testing.TB) []referenceCase {
	data, err := os.ReadFile("testdata/hours.json")
	require.NoError(t, err)
	var file struct {
		Cases []referenceCase `json:"cases"`
	}
	require.NoError(t, json.Unmarshal(data, &file))
	require.NotEmpty(t, file.Cases)
	return file.Cases
}

func TestReferenceCases(t *testing.T) {
	t.Parallel()
	for _, c := range referenceCases(t) {
		t.Run(c.ID, func(t *testing.T) {
			t.Parallel()
			table, err := c.schedule().Compile()
			require.NoError(t, err)
			want := c.expected()
			require.Equal(t, want.Open, table.IsOpen(c.At), "open at %s", c.At)

			change, steady := table.NextOpen, table.NextClose
			if want.Open {
				change, steady = table.NextClose, table.NextOpen
			}
			same, ok := steady(c.At)
			require.True(t, ok)
			require.True(t, same.Equal(c.At), "the state it is in begins at once, got %s", same)

			next, ok := change(c.At)
			require.Equal(t, want.Next != nil, ok)
			if ok {
				require.Equal(t, want.Next.UTC(), next.UTC())
				require.Equal(t, !want.Open, table.IsOpen(next))
			}
		})
	}
}
