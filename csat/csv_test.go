package csat_test

import (
	"bytes"
	"encoding/csv"
	"errors"
	"iter"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/csat"
)

// F137.
func TestSafeCell(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"": "", "fine": "fine", "a=b": "a=b", "1": "1", "'=1": "'=1", "👍 +1": "👍 +1", "  two": "  two",
		`=HYPERLINK("http://evil","x")`: `'=HYPERLINK("http://evil","x")`,
		"+1":                            "'+1", "-1": "'-1", "@SUM(A1)": "'@SUM(A1)", "\t=1": "'\t=1", "\ttext": "'\ttext",
		"\r=1": "'\r=1", "\n=1": "'\n=1", " =1": "' =1", "\u200e=1": "'\u200e=1", "\ufeff=1": "'\ufeff=1", "\u00a0-2": "'\u00a0-2",
		"＝1": "'＝1", "＋1": "'＋1", "－1": "'－1", "＠a": "'＠a", "a\x00b": "a\ufffdb", "\x00=1": "\ufffd=1", "\xff=": "\ufffd=", "\x1b[2J": "'\x1b[2J",
	} {
		require.Equal(t, want, csat.SafeCell(in), "%q", in)
	}
}

func TestReportCSV(t *testing.T) {
	t.Parallel()
	q := csat.Query{From: instant(t, "2026-03-28T23:00:00Z"), To: instant(t, "2026-03-30T22:00:00Z"), Zone: "Europe/Paris",
		Every: csat.Daily, By: []csat.Dimension{csat.ByTeam, csat.ByAgent}}
	r := tally(t, q,
		csat.Result{SentAt: q.From, Team: "=cmd|' /C calc'!A0", Agent: `a"b,c`, Rating: 5},
		csat.Result{SentAt: q.From, Team: "=cmd|' /C calc'!A0", Agent: `a"b,c`, Rating: 4},
		csat.Result{SentAt: q.From, Team: "=cmd|' /C calc'!A0", Agent: `a"b,c`},
		csat.Result{SentAt: q.To.Add(-1)},
	)
	var b bytes.Buffer
	require.NoError(t, r.WriteCSV(&b))
	require.Equal(t, `from,to,team,agent,sent,answered,response_rate,mean,csat,rated_1,rated_2,rated_3,rated_4,rated_5
2026-03-29T00:00:00+01:00,2026-03-30T00:00:00+02:00,'=cmd|' /C calc'!A0,"a""b,c",3,2,0.6667,4.5000,1.0000,0,0,0,1,1
2026-03-30T00:00:00+02:00,2026-03-31T00:00:00+02:00,,,1,0,0.0000,,,0,0,0,0,0
`, b.String())

	b.Reset()
	require.NoError(t, tally(t, csat.Query{From: q.From, To: q.To}).WriteCSV(&b))
	require.Equal(t, "sent,answered,response_rate,mean,csat,rated_1,rated_2,rated_3,rated_4,rated_5\n", b.String())
	r.Query.Zone = "Mars/Base"
	require.Error(t, r.WriteCSV(&b))
	r.Query.Zone = ""
	require.ErrorIs(t, r.WriteCSV(full{}), errFull)
}

func list(err error, results ...csat.Result) iter.Seq2[csat.Result, error] {
	return func(yield func(csat.Result, error) bool) {
		for _, r := range results {
			if !yield(r, nil) {
				return
			}
		}
		if err != nil {
			yield(csat.Result{}, err)
		}
	}
}

func TestWriteResults(t *testing.T) {
	t.Parallel()
	paris, err := time.LoadLocation("Europe/Paris")
	require.NoError(t, err)
	one := csat.Result{Survey: "s1", Conversation: "c1", Contact: "+14155550123", Channel: "ch", Agent: "ann", AI: "-x", Team: "t",
		SentAt: sent, AnsweredAt: sent.Add(time.Hour), Rating: 2, Comment: "=1+1\r\n\"slow\", very"}
	var b bytes.Buffer
	require.NoError(t, csat.WriteResults(&b, paris, list(nil, one, csat.Result{SentAt: sent})))
	rows, err := csv.NewReader(&b).ReadAll()
	require.NoError(t, err)
	require.Equal(t, [][]string{
		{"sent_at", "answered_at", "rating", "comment", "channel", "team", "agent", "ai", "conversation", "contact", "survey"},
		{"2026-03-29T00:30:00+01:00", "2026-03-29T01:30:00+01:00", "2", "'=1+1\n\"slow\", very", "ch", "t", "ann", "'-x", "c1", "'+14155550123", "s1"},
		{"2026-03-29T00:30:00+01:00", "", "", "", "", "", "", "", "", "", ""},
	}, rows)

	boom := errors.New("boom")
	b.Reset()
	require.ErrorIs(t, csat.WriteResults(&b, nil, list(boom, one)), boom)
	require.Contains(t, b.String(), "2026-03-28T23:30:00Z", "UTC without a zone; what came before the error is there")
	require.ErrorIs(t, csat.WriteResults(full{}, nil, list(nil, one)), errFull)
	pulled := 0
	endless := func(yield func(csat.Result, error) bool) {
		for yield(one, nil) {
			pulled++
		}
	}
	require.ErrorIs(t, csat.WriteResults(full{}, nil, endless), errFull, "a broken writer ends the iteration")
	require.Less(t, pulled, 1000)
}

var errFull = errors.New("disk full")

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errFull }
