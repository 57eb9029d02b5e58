package csat_test

import (
	"encoding/json"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/csat"
)

func TestFigures(t *testing.T) {
	t.Parallel()
	var f csat.Figures
	for rating, n := range []int{10, 1, 0, 2, 3, 4} {
		for range n {
			one, err := csat.FiguresOf(rating)
			require.NoError(t, err)
			f = f.Plus(one)
		}
	}
	require.Equal(t, csat.Figures{Sent: 20, Distribution: [5]int64{1, 0, 2, 3, 4}}, f)
	require.EqualValues(t, 10, f.Answered())
	check := func(want float64, got float64, ok bool) { require.True(t, ok); require.InDelta(t, want, got, 1e-15) }
	got, ok := f.ResponseRate()
	check(0.5, got, ok)
	got, ok = f.Mean()
	check(3.9, got, ok)
	got, ok = f.CSAT()
	check(0.7, got, ok)

	b, err := json.Marshal(f)
	require.NoError(t, err)
	require.JSONEq(t, `{"sent":20,"answered":10,"response_rate":0.5,"mean":3.9,"csat":0.7,"distribution":[1,0,2,3,4]}`, string(b))
	var back csat.Figures
	require.NoError(t, json.Unmarshal(b, &back))
	require.Equal(t, f, back)

	b, err = json.Marshal(csat.Figures{})
	require.NoError(t, err)
	require.JSONEq(t, `{"sent":0,"answered":0,"response_rate":null,"mean":null,"csat":null,"distribution":[0,0,0,0,0]}`, string(b))
	for _, bad := range []string{`{"sent":1,"distribution":[1,1,0,0,0]}`, `{"sent":-1}`, `{"sent":1,"distribution":[2,-1,0,0,0]}`} {
		require.ErrorIs(t, json.Unmarshal([]byte(bad), &back), csat.ErrFigures, bad)
	}
	require.Equal(t, f, back, "an error changes nothing")
	for _, rating := range []int{-1, 6} {
		_, err := csat.FiguresOf(rating)
		require.ErrorIs(t, err, csat.ErrFigures)
	}
}

var march = csat.Query{
	From: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC), To: time.Date(2026, 4, 1, 0, 0, 0, 0, time.UTC),
	Every: csat.Daily, By: []csat.Dimension{csat.ByAgent, csat.ByTeam},
}

// results makes surveys of February to April, some at the very edges.
func results(n int) []csat.Result {
	rng := rand.New(rand.NewPCG(1, 2))
	names := []string{"", "ann", "bob", "cho"}
	out := make([]csat.Result, n)
	for i := range out {
		out[i] = csat.Result{
			Channel: names[1+rng.IntN(3)], Agent: names[rng.IntN(4)], AI: names[rng.IntN(2)], Team: names[rng.IntN(3)],
			SentAt: march.From.Add(time.Duration(rng.IntN(45)-7) * 24 * time.Hour).Add(time.Duration(rng.IntN(3)-1) * time.Nanosecond),
			Rating: rng.IntN(6),
		}
	}
	return out
}

func tally(t *testing.T, q csat.Query, results ...csat.Result) csat.Report {
	t.Helper()
	tl, err := csat.NewTally(q)
	require.NoError(t, err)
	for _, r := range results {
		require.NoError(t, tl.Add(r))
	}
	return tl.Report()
}

// A report made of parts, in any order and by any way, equals the one made of all results, and that one a plain count.
func TestTallyIsExact(t *testing.T) {
	t.Parallel()
	for _, q := range []csat.Query{
		march,
		{From: march.From, To: march.To},
		{From: march.From, To: march.To, Every: csat.Weekly, Zone: "America/New_York", By: []csat.Dimension{csat.ByChannel, csat.ByAI}},
		{From: march.From, To: march.To, Every: csat.Monthly, Filter: csat.Key{Agent: "bob", Channel: "cho"}},
	} {
		all := results(4000)
		want := tally(t, q, all...)

		var counted int64
		for _, r := range all {
			in := !r.SentAt.Before(q.From) && r.SentAt.Before(q.To)
			if in && (q.Filter.Agent == "" || r.Agent == "bob" && r.Channel == "cho") {
				counted++
			}
		}
		require.Equal(t, counted, want.Total.Sent)
		require.NotZero(t, counted)

		merged, err := csat.NewTally(q)
		require.NoError(t, err)
		for _, part := range [][]csat.Result{all[3000:], all[:10], all[10:3000], nil} {
			wire, err := json.Marshal(tally(t, q, part...)) // from another process
			require.NoError(t, err)
			var r csat.Report
			require.NoError(t, json.Unmarshal(wire, &r))
			require.NoError(t, merged.Merge(r))
		}
		require.Equal(t, want, merged.Report())

		grouped, err := csat.NewTally(q)
		require.NoError(t, err)
		for _, row := range want.Rows {
			require.NoError(t, grouped.AddFigures(row.Span.To.Add(-1), row.Key, row.Figures))
		}
		require.Equal(t, want, grouped.Report())
	}
}

func TestTallyRows(t *testing.T) {
	t.Parallel()
	at := march.From.Add(30 * time.Hour)
	r := tally(t, march,
		csat.Result{SentAt: at, Agent: "bob", Team: "b", Channel: "c", Rating: 5},
		csat.Result{SentAt: at, Agent: "bob", Team: "b", Channel: "d", AI: "x"},
		csat.Result{SentAt: at, Agent: "ann", Team: "b", Rating: 2},
		csat.Result{SentAt: at.AddDate(0, 0, -1), Agent: "zoe", Rating: 1},
		csat.Result{SentAt: march.To, Rating: 1},
		csat.Result{SentAt: march.From.Add(-1), Rating: 1},
	)
	day := func(n int) csat.Span {
		return csat.Span{From: march.From.AddDate(0, 0, n), To: march.From.AddDate(0, 0, n+1)}
	}
	require.Equal(t, []csat.Row{
		{day(0), csat.Key{Agent: "zoe"}, csat.Figures{Sent: 1, Distribution: [5]int64{1}}},
		{day(1), csat.Key{Agent: "ann", Team: "b"}, csat.Figures{Sent: 1, Distribution: [5]int64{0, 1}}},
		{day(1), csat.Key{Agent: "bob", Team: "b"}, csat.Figures{Sent: 2, Distribution: [5]int64{4: 1}}},
	}, r.Rows)
	require.Equal(t, csat.Figures{Sent: 4, Distribution: [5]int64{1, 1, 0, 0, 1}}, r.Total)
	b, err := json.Marshal(tally(t, march))
	require.NoError(t, err)
	require.Contains(t, string(b), `"rows":[]`)
}

func TestTallyRefuses(t *testing.T) {
	t.Parallel()
	_, err := csat.NewTally(csat.Query{})
	require.Error(t, err)
	tl, err := csat.NewTally(march)
	require.NoError(t, err)
	require.ErrorIs(t, tl.Add(csat.Result{SentAt: march.From, Rating: 6}), csat.ErrFigures)
	require.ErrorIs(t, tl.AddFigures(march.To, csat.Key{}, csat.Figures{Sent: 1}), csat.ErrQuery)
	require.ErrorIs(t, tl.AddFigures(march.From, csat.Key{}, csat.Figures{Distribution: [5]int64{1}}), csat.ErrFigures)
	require.NoError(t, tl.AddFigures(march.From, csat.Key{}, csat.Figures{}))

	good := tally(t, march, csat.Result{SentAt: march.From, Agent: "ann", Rating: 5})
	for name, c := range map[string]struct {
		is     error
		change func(*csat.Report)
	}{
		"query":     {csat.ErrQuery, func(r *csat.Report) { r.Query.To = r.Query.To.Add(1) }},
		"filter":    {csat.ErrQuery, func(r *csat.Report) { r.Query.Filter.AI = "x" }},
		"dimension": {csat.ErrQuery, func(r *csat.Report) { r.Query.By = r.Query.By[:1] }},
		"key":       {csat.ErrQuery, func(r *csat.Report) { r.Rows[0].Key.Channel = "x" }},
		"span":      {csat.ErrQuery, func(r *csat.Report) { r.Rows[0].Span.To = r.Rows[0].Span.To.Add(1) }},
		"outside":   {csat.ErrQuery, func(r *csat.Report) { r.Rows[0].Span.From = march.To }},
		"counts":    {csat.ErrFigures, func(r *csat.Report) { r.Rows[0].Figures.Sent = 0 }},
		"total":     {csat.ErrFigures, func(r *csat.Report) { r.Total.Sent = 2 }},
	} {
		bad := good
		bad.Rows = append([]csat.Row(nil), good.Rows...)
		c.change(&bad)
		require.ErrorIs(t, tl.Merge(bad), c.is, name)
	}
	require.Empty(t, tl.Report().Rows, "what is refused is not counted")
	require.NoError(t, tl.Merge(good))
	require.Equal(t, good, tl.Report())
}

func TestReportSharesNothing(t *testing.T) {
	t.Parallel()
	q := march
	q.By = []csat.Dimension{csat.ByAgent}
	tl, err := csat.NewTally(q)
	require.NoError(t, err)
	q.By[0] = csat.ByTeam
	require.NoError(t, tl.Add(csat.Result{SentAt: march.From, Agent: "ann", Team: "t"}))
	r := tl.Report()
	require.Equal(t, csat.Key{Agent: "ann"}, r.Rows[0].Key)
	r.Query.By[0] = csat.ByTeam
	r.Rows[0].Figures.Sent = 99
	require.EqualValues(t, 1, tl.Report().Rows[0].Figures.Sent)
	require.Equal(t, csat.ByAgent, tl.Report().Query.By[0])
}
