package csat_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/csat"
)

var sent = time.Date(2026, 3, 28, 23, 30, 0, 0, time.UTC)

func TestReadRating(t *testing.T) {
	t.Parallel()
	s := csat.Survey{Enabled: true, Thanks: "Thank you."}
	open := csat.Open{ClosesAt: s.ClosesAt(sent)}
	at := sent.Add(time.Hour)

	require.Equal(t, csat.Answer{Meaning: csat.MeansRating, Reply: csat.Reply{Rating: 5, Comment: "thanks"}, Say: csat.SayThanks},
		s.Read(open, "5 thanks", at))
	require.Zero(t, s.Read(open, "where is my parcel", at), "a normal message")
	require.Zero(t, s.Read(open, "10", at), "out of range is ignored")

	// The last rating in the window wins, and thanks were said.
	open.Rating = 5
	require.Equal(t, csat.Answer{Meaning: csat.MeansRating, Reply: csat.Reply{Rating: 1}}, s.Read(open, "1", at))

	s.Thanks = ""
	require.Equal(t, csat.SayNothing, s.Read(csat.Open{ClosesAt: s.ClosesAt(sent)}, "5", at).Say)
}

func TestReadWindow(t *testing.T) {
	t.Parallel()
	s := csat.Survey{Enabled: true}
	open := csat.Open{ClosesAt: s.ClosesAt(sent)}
	require.Equal(t, 24*time.Hour, open.ClosesAt.Sub(sent), "24 h by default, over a change of clocks too")
	require.Equal(t, csat.MeansRating, s.Read(open, "5", open.ClosesAt.Add(-1)).Meaning)
	require.Zero(t, s.Read(open, "5", open.ClosesAt), "closed")
	require.Zero(t, s.Read(csat.Open{}, "5", sent), "nothing is open")

	s.Window = time.Hour
	require.Equal(t, sent.Add(time.Hour), s.ClosesAt(sent))
	require.Equal(t, csat.MeansRating, s.Read(open, "5", sent.Add(2*time.Hour)).Meaning, "the stored end counts")
}

// What counts is how the survey was sent, not what the settings became since.
func TestReadAsItWasSent(t *testing.T) {
	t.Parallel()
	open := csat.Open{ClosesAt: sent.Add(time.Hour)}
	require.Equal(t, csat.MeansRating, csat.Survey{}.Read(open, "5", sent).Meaning, "switched off since")
	require.Equal(t, csat.MeansRating, csat.Survey{Mode: csat.ModeLink}.Read(open, "5", sent).Meaning)
	open.Mode = csat.ModeReply
	require.Equal(t, csat.MeansRating, csat.Survey{}.Read(open, "5", sent).Meaning)
	open.Mode = csat.ModeLink
	require.Zero(t, csat.Survey{Enabled: true}.Read(open, "5", sent))
}

func TestReadDoesNotAllocate(t *testing.T) {
	s := csat.Survey{Enabled: true, AskComment: true, Words: map[string]int{"top": 5}}
	open := csat.Open{ClosesAt: sent.Add(time.Hour), Rating: 3}
	for _, text := range []string{"where is my parcel?", "top!", "5 but slow"} {
		require.Zero(t, testing.AllocsPerRun(100, func() { s.Read(open, text, sent) }), text)
	}
}

func TestReplyValidate(t *testing.T) {
	t.Parallel()
	require.NoError(t, csat.Reply{Rating: 1}.Validate())
	require.NoError(t, csat.Reply{Rating: 5, Comment: strings.Repeat("é", csat.MaxCommentRunes)}.Validate())
	for _, c := range []struct {
		reply csat.Reply
		want  string
	}{
		{csat.Reply{}, "rating: must be 1 to 5"},
		{csat.Reply{Rating: 6}, "rating: must be 1 to 5"},
		{csat.Reply{Rating: 5, Comment: "\xff"}, "comment: is not valid UTF-8"},
		{csat.Reply{Rating: -1, Comment: strings.Repeat("x", 4001)}, "rating: must be 1 to 5; comment: is too long (at most 4000 characters)"},
	} {
		require.EqualError(t, c.reply.Validate(), c.want)
	}
}

func TestReadComment(t *testing.T) {
	t.Parallel()
	s := csat.Survey{Enabled: true, AskComment: true, Thanks: "Thank you."}
	open := csat.Open{ClosesAt: sent.Add(time.Hour)}

	require.Zero(t, s.Read(open, "too slow", sent), "a comment needs a rating before it")
	require.Equal(t, csat.SayAskComment, s.Read(open, "2", sent).Say)
	require.Equal(t, csat.SayThanks, s.Read(open, "2 slow", sent).Say, "nothing left to ask")

	open.Rating = 2
	want := csat.Answer{Meaning: csat.MeansComment, Reply: csat.Reply{Comment: "order 55 came late"}, Say: csat.SayThanks}
	require.Equal(t, want, s.Read(open, " order 55 came late\n", sent))
	require.Equal(t, csat.SayNothing, s.Read(open, "3", sent).Say, "the comment was asked for already")
	require.Equal(t, csat.SayThanks, s.Read(open, "3 not so bad", sent).Say)
	require.Zero(t, s.Read(open, "  ", sent), "a picture without text is a message")
	require.Zero(t, s.Read(open, "late", open.ClosesAt))

	open.Commented = true
	require.Zero(t, s.Read(open, "and another thing", sent), "one comment, then normal messages")
	require.Equal(t, csat.Answer{Meaning: csat.MeansRating, Reply: csat.Reply{Rating: 4}}, s.Read(open, "4", sent))

	s.AskComment = false
	open.Commented = false
	require.Zero(t, s.Read(open, "order 55 came late", sent), "nobody asked: a message like any other")
}

// However often a customer answers, each automatic text is due once (F92).
func TestReadSaysOnce(t *testing.T) {
	t.Parallel()
	s := csat.Survey{Enabled: true, AskComment: true, Thanks: "Thank you."}
	texts := []string{"5", "4 ok", "3", "fine", "2 meh", "1"}
	for seed := range 1 << 12 {
		open, said := csat.Open{ClosesAt: sent.Add(time.Hour)}, map[csat.Say]int{}
		for n := seed; n > 0; n /= len(texts) {
			a := s.Read(open, texts[n%len(texts)], sent)
			said[a.Say]++
			if a.Meaning == csat.MeansRating {
				open.Rating = a.Reply.Rating
			}
			open.Commented = open.Commented || a.Reply.Comment != ""
		}
		require.LessOrEqual(t, said[csat.SayThanks], 1, seed)
		require.LessOrEqual(t, said[csat.SayAskComment], 1, seed)
	}
}
