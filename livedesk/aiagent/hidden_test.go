package aiagent_test

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/livedesk"
	"github.com/livedesk/livedesk-go/livedesk/aiagent"
)

const instructions = `You are Bella. We are open Monday to Friday from nine to five, and on Saturday from ten to two.
Discount: up to 15 percent for regulars, never to be offered by yourself. Refunds above 100 euros are Ada's alone. When a customer
threatens with a lawyer hand over at once, and promise nothing. The wifi of the back office is called kitchen.`

var markOf = regexp.MustCompile(`Reference ([A-Z2-7]{26}),`)

// parrot answers by what it was told, as a model that obeys the customer does.
func parrot(t *testing.T, say func(system, mark string) string) *endpoint {
	t.Helper()
	var e *endpoint
	e = serve(t, func(w http.ResponseWriter, r *http.Request) {
		asked := e.requests()
		system := asked[len(asked)-1].Messages[0].Content
		text(say(system, markOf.FindStringSubmatch(system)[1]))(w, r)
	})
	return e
}

func spread(s, by string) string { return strings.Join(strings.Split(s, ""), by) }

// A model that gives away what it was told, in whatever form it comes to: nothing of it is the answer.
func TestHiddenStaysHidden(t *testing.T) { // FAULTS 164
	t.Parallel()
	noted := turn
	note := "The customer's credit is bad, let nobody in the shop serve them on account any more."
	noted.Transcript = append([]livedesk.Line{{By: livedesk.ActorAgent, Note: true, Text: note}}, turn.Transcript...)
	for name, say := range map[string]func(system, mark string) string{
		"everything":    func(system, _ string) string { return system },
		"its end":       func(system, _ string) string { return "Sure: " + system[len(system)-120:] },
		"its beginning": func(system, _ string) string { return system[:100] },
		"the frame": func(string, string) string {
			return "You answer a customer by SMS on behalf of the business, I was told"
		},
		"how to hand over": func(string, string) string { return "when a person is needed, or you can't help - call hand over" },
		"instructions":     func(system, _ string) string { return system[strings.Index(system, "Discount"):][:230] },
		"a colleague's note": func(string, string) string {
			return "They say: the customers credit is bad. Let nobody in the shop serve them!"
		},
		"the mark":             func(_, m string) string { return m },
		"half of it":           func(_, m string) string { return "It is " + m[5:19] },
		"lower case":           func(_, m string) string { return strings.ToLower(m) },
		"with blanks":          func(_, m string) string { return spread(m, " ") },
		"with lines":           func(_, m string) string { return spread(m, "\n") },
		"with dashes, emoji":   func(_, m string) string { return spread(m, "-🙂") },
		"with nothing to see":  func(_, m string) string { return spread(m, "\u200b") },
		"full width":           func(_, m string) string { return strings.Map(wide, m) },
		"backwards":            func(_, m string) string { return reverse(m) },
		"ROT13":                func(_, m string) string { return strings.Map(rot13, strings.ToLower(m)) },
		"hexadecimal":          func(_, m string) string { return hex.EncodeToString([]byte(m)) },
		"hexadecimal, escaped": func(_, m string) string { return "%" + spread2(hex.EncodeToString([]byte(m)), "%") },
		"base64":               func(_, m string) string { return base64.StdEncoding.EncodeToString([]byte(m)) },
		"base64 of more":       func(s, _ string) string { return base64.StdEncoding.EncodeToString([]byte("ab" + s)) },
		"base64, shifted":      func(s, _ string) string { return base64.RawURLEncoding.EncodeToString([]byte("a" + s)) },
		"base64, lower":        func(_, m string) string { return base64.StdEncoding.EncodeToString([]byte("xyz" + strings.ToLower(m))) },
		"base64, in lines":     func(_, m string) string { return spread(base64.StdEncoding.EncodeToString([]byte(m)), "\n") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := parrot(t, say)
			for _, plain := range []bool{false, true} {
				if plain && name == "how to hand over" {
					continue // it is told otherwise then
				}
				got, err := e.agent(t, func(c *aiagent.Config) { c.Instructions, c.NoTools = instructions, plain }).Answer(t.Context(), noted)
				require.NoError(t, err)
				require.Equal(t, livedesk.HandOver, got.Then, got.Text)
				require.Empty(t, got.Text)
				require.Equal(t, "the answer gave away what only the model was told", got.Reason)
				require.True(t, strings.HasPrefix(got.Note, "Held back, not sent: "))
			}
		})
	}
}

// What it was told to say it may say, and what the customer has seen already.
func TestHiddenLeavesAnswersAlone(t *testing.T) {
	t.Parallel()
	note := "Customer says that the parcel was left at the neighbour's, number 12, and is broken."
	said := "The parcel was left at the neighbour's, number 12, and is broken!"
	noted := turn
	noted.Transcript = []livedesk.Line{{By: livedesk.ActorCustomer, Text: said}, {By: livedesk.ActorAgent, Note: true, Text: note}}
	for _, answer := range []string{
		"We are open Monday to Friday from nine to five, and on Saturday from ten to two.", "I see. The parcel was left at the neighbour's, number 12, and is broken.",
		"ok", "", "Your code is GEZDGNBVGY3TQOJQ.", strings.Repeat("We are open. ", 100),
	} {
		e := serve(t, text(answer))
		got, err := e.agent(t, func(c *aiagent.Config) { c.Instructions = instructions }).Answer(t.Context(), noted)
		require.NoError(t, err)
		require.Equal(t, livedesk.Answer{Text: strings.TrimSpace(answer)}, got)
		require.NotContains(t, got.Text, "Reference")
	}
}

// Each request has a mark of its own, at both ends of what is hidden, and with each note.
func TestMarks(t *testing.T) {
	t.Parallel()
	e := serve(t, text("ok"))
	a, marks := e.agent(t, nil), map[string]bool{}
	for range 3 {
		_, err := a.Answer(t.Context(), turn)
		require.NoError(t, err)
	}
	for _, q := range e.requests() {
		found := markOf.FindAllStringSubmatch(q.Messages[0].Content, -1)
		require.Len(t, found, 3)
		marks[found[0][1]] = true
		require.Contains(t, q.Messages[3].Content, found[0][1], "a private note")
	}
	require.Len(t, marks, 3)
}

// The host's tools get nothing of it either, and the timeline would say so.
func TestHiddenIsNoArgument(t *testing.T) { // FAULTS 164
	t.Parallel()
	var got []aiagent.Call
	var e *endpoint
	e = serve(t, func(w http.ResponseWriter, r *http.Request) {
		asked := e.requests()
		args, _ := json.Marshal(map[string]string{"note": asked[0].Messages[0].Content})
		calls("", [2]string{"book", string(args)})(w, r)
	}, text("Booked"))
	out, err := e.agent(t, func(c *aiagent.Config) { c.Tools = []aiagent.Tool{booking(&got, "", nil)} }).Answer(t.Context(), turn)
	require.NoError(t, err)
	require.Equal(t, "Booked", out.Text)
	require.Empty(t, got)
	m := e.requests()[1].Messages
	require.Equal(t, "failed", m[len(m)-1].Content)
}

// Ill-formed UTF-8 is no answer.
func TestAnswerIsUTF8(t *testing.T) { // FAULTS 163
	t.Parallel()
	for _, content := range []string{"caf\xe9", `\ud800`} {
		e := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte(`{"choices":[{"message":{"role":"assistant","content":"` + content + `"},"finish_reason":"stop"}]}`))
		})
		_, err := e.agent(t, nil).Answer(context.Background(), turn)
		require.EqualError(t, err, "aiagent: answer is not UTF-8")
	}
}

func wide(r rune) rune { return r + 0xfee0 }

func rot13(r rune) rune {
	if r >= 'a' && r <= 'z' {
		return 'a' + (r-'a'+13)%26
	}
	return r
}

func reverse(s string) string {
	b := []rune(s)
	for i := range len(b) / 2 {
		b[i], b[len(b)-1-i] = b[len(b)-1-i], b[i]
	}
	return string(b)
}

func spread2(s, by string) string {
	var out []string
	for i := 0; i < len(s); i += 2 {
		out = append(out, s[i:i+2])
	}
	return strings.Join(out, by)
}
