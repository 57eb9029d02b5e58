package csat_test

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/csat"
)

func instant(t *testing.T, s string) time.Time {
	t.Helper()
	at, err := time.Parse(time.RFC3339, s)
	require.NoError(t, err)
	return at
}

// spans returns the starts, and the end of the last, in the zone's wall clock.
func spans(t *testing.T, q csat.Query) []string {
	t.Helper()
	got, err := q.Spans()
	require.NoError(t, err)
	loc, err := time.LoadLocation(q.Zone)
	require.NoError(t, err)
	var out []string
	for i, s := range got {
		require.True(t, s.From.Before(s.To))
		require.Equal(t, time.UTC, s.From.Location())
		if i > 0 {
			require.Equal(t, got[i-1].To, s.From, "no gap")
		}
		out = append(out, s.From.In(loc).Format("01-02 15:04 -0700"))
	}
	require.True(t, got[0].From.Equal(q.From))
	require.True(t, got[len(got)-1].To.Equal(q.To))
	return append(out, q.To.In(loc).Format("01-02 15:04 -0700"))
}

func TestSpans(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		zone, from, to string
		every          csat.Interval
		want           []string
	}{
		"whole": {"", "2026-03-01T00:00:00Z", "2026-04-01T00:00:00Z", csat.Whole, []string{"03-01 00:00 +0000", "04-01 00:00 +0000"}},
		"days cut at both ends": {"", "2026-03-01T12:00:00Z", "2026-03-03T06:00:00Z", csat.Daily,
			[]string{"03-01 12:00 +0000", "03-02 00:00 +0000", "03-03 00:00 +0000", "03-03 06:00 +0000"}},
		"a day of 23 hours": {"Europe/Paris", "2026-03-29T00:00:00+01:00", "2026-03-31T00:00:00+02:00", csat.Daily,
			[]string{"03-29 00:00 +0100", "03-30 00:00 +0200", "03-31 00:00 +0200"}},
		"a day of 25 hours": {"America/New_York", "2026-11-01T00:00:00-04:00", "2026-11-03T00:00:00-05:00", csat.Daily,
			[]string{"11-01 00:00 -0400", "11-02 00:00 -0500", "11-03 00:00 -0500"}},
		"midnight is skipped": {"Asia/Beirut", "2026-03-28T00:00:00+02:00", "2026-03-30T00:00:00+03:00", csat.Daily,
			[]string{"03-28 00:00 +0200", "03-29 01:00 +0300", "03-30 00:00 +0300"}},
		"midnight comes twice": {"America/Havana", "2026-10-31T00:00:00-04:00", "2026-11-02T00:00:00-05:00", csat.Daily,
			[]string{"10-31 00:00 -0400", "11-01 00:00 -0400", "11-02 00:00 -0500"}},
		"a day is skipped": {"Pacific/Apia", "2011-12-29T00:00:00-10:00", "2012-01-01T00:00:00+14:00", csat.Daily,
			[]string{"12-29 00:00 -1000", "12-31 00:00 +1400", "01-01 00:00 +1400"}},
		"weeks begin on Monday": {"Asia/Kolkata", "2026-03-01T00:00:00+05:30", "2026-03-12T00:00:00+05:30", csat.Weekly,
			[]string{"03-01 00:00 +0530", "03-02 00:00 +0530", "03-09 00:00 +0530", "03-12 00:00 +0530"}},
		"months": {"Europe/Paris", "2026-01-31T23:30:00Z", "2026-04-15T00:00:00+02:00", csat.Monthly,
			[]string{"02-01 00:30 +0100", "03-01 00:00 +0100", "04-01 00:00 +0200", "04-15 00:00 +0200"}},
	} {
		q := csat.Query{From: instant(t, c.from), To: instant(t, c.to), Zone: c.zone, Every: c.every}
		require.Equal(t, c.want, spans(t, q), name)
	}
}

// Each span of days holds exactly the instants at which the clocks show its date, in zones whose days are whole.
func TestSpansAgainstWallClock(t *testing.T) {
	t.Parallel()
	for _, zone := range []string{"Europe/Paris", "Australia/Lord_Howe", "Asia/Kathmandu", "America/Sao_Paulo", "Africa/Cairo", "Pacific/Chatham"} {
		loc, err := time.LoadLocation(zone)
		require.NoError(t, err)
		q := csat.Query{From: instant(t, "2018-01-01T00:00:00Z"), To: instant(t, "2019-01-01T00:00:00Z"), Zone: zone, Every: csat.Daily}
		got, err := q.Spans()
		require.NoError(t, err)
		for i, s := range got {
			first, last := s.From.In(loc), s.To.Add(-1).In(loc)
			require.Equal(t, first.Format(time.DateOnly), last.Format(time.DateOnly), zone)
			if i > 0 {
				require.NotEqual(t, first.Format(time.DateOnly), s.From.Add(-1).In(loc).Format(time.DateOnly), zone)
			}
		}
	}
}

func TestQueryValidate(t *testing.T) {
	t.Parallel()
	day := instant(t, "2026-03-01T00:00:00Z")
	ok := csat.Query{From: day, To: day.AddDate(0, 0, 1)}
	require.NoError(t, ok.Validate())
	for field, change := range map[string]func(*csat.Query){
		"from":  func(q *csat.Query) { q.From = time.Time{} },
		"to":    func(q *csat.Query) { q.To = q.From },
		"zone":  func(q *csat.Query) { q.Zone = "Local" },
		"zone ": func(q *csat.Query) { q.Zone = "../etc/passwd" },
		"every": func(q *csat.Query) { q.Every = "hour" },
		"every ": func(q *csat.Query) {
			q.Every, q.To = csat.Daily, q.From.AddDate(0, 0, csat.MaxSpans+1)
		},
		"by":  func(q *csat.Query) { q.By = []csat.Dimension{"colour"} },
		"by ": func(q *csat.Query) { q.By = []csat.Dimension{csat.ByAgent, csat.ByAgent} },
	} {
		q := ok
		change(&q)
		errs, is := errors.AsType[csat.FieldErrors](q.Validate())
		require.True(t, is, field)
		require.Len(t, errs, 1, field)
		require.Contains(t, field, errs[0].Field)
	}
	q := ok
	q.Every, q.To = csat.Daily, q.From.AddDate(0, 0, csat.MaxSpans)
	require.NoError(t, q.Validate())
	errs, _ := errors.AsType[csat.FieldErrors](csat.Query{Zone: "x", Every: "x", By: []csat.Dimension{"x"}}.Validate())
	require.Len(t, errs, 4, "all at once")
}
