package aiagent_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/livedesk"
	"github.com/livedesk/livedesk-go/livedesk/aiagent"
)

// booking is a tool that keeps the calls that it got.
func booking(got *[]aiagent.Call, result string, err error) aiagent.Tool {
	return aiagent.Tool{
		Name: "book", Description: "Books a table.", Parameters: json.RawMessage(`{"type":"object","properties":{"people":{"type":"integer"}}}`),
		Run: func(_ context.Context, c aiagent.Call) (string, error) {
			*got = append(*got, c)
			return result, err
		},
	}
}

func TestTools(t *testing.T) {
	t.Parallel()
	var got []aiagent.Call
	e := serve(t, calls("", [2]string{"book", `{"people":2}`}, [2]string{"book", `{"people":3}`}), text("Booked"))
	a := e.agent(t, func(c *aiagent.Config) { c.Tools = []aiagent.Tool{booking(&got, "table 7", nil)} })
	out, err := a.Answer(t.Context(), turn)
	require.NoError(t, err)
	require.Equal(t, "Booked", out.Text)
	require.Len(t, got, 2)
	require.JSONEq(t, `{"people":2}`, string(got[0].Arguments))
	require.Equal(t, "main", got[0].Turn.Workspace)
	require.NotEqual(t, got[0].Key, got[1].Key)
	q := e.requests()[1]
	require.Len(t, q.Tools, 3)
	last := q.Messages[len(q.Messages)-2:]
	require.Equal(t, []string{"tool", "table 7", "tool", "table 7"}, []string{last[0].Role, last[0].Content, last[1].Role, last[1].Content})
}

func TestToolsWithAnEnd(t *testing.T) {
	t.Parallel()
	var got []aiagent.Call
	e := serve(t, calls("Booked, bye", [2]string{"resolve", `{}`}, [2]string{"book", ""}))
	out, err := e.agent(t, func(c *aiagent.Config) { c.Tools = []aiagent.Tool{booking(&got, "", nil)} }).Answer(t.Context(), turn)
	require.NoError(t, err)
	require.Equal(t, livedesk.Answer{Text: "Booked, bye", Then: livedesk.Finish}, out)
	require.Len(t, got, 1)
	require.JSONEq(t, "{}", string(got[0].Arguments))
}

// Whatever a model calls, it is bounded, and a tool's own words about its failure don't reach it.
func TestToolsFail(t *testing.T) { // FAULTS 160
	t.Parallel()
	many := make([][2]string, 9)
	for i := range many {
		many[i] = [2]string{"book", fmt.Sprintf(`{"people":%d}`, i)}
	}
	for name, c := range map[string]struct {
		step   http.HandlerFunc
		run    int    // how often the tool was
		told   string // to the model
		refuse string
	}{
		"it fails":           {calls("", [2]string{"book", `{}`}), 1, "failed", ""},
		"arguments, garbage": {calls("", [2]string{"book", `{"people":`}), 0, "failed: the arguments are no JSON object", ""},
		"arguments, a list":  {calls("", [2]string{"book", `[1]`}), 0, "failed: the arguments are no JSON object", ""},
		"arguments, huge":    {calls("", [2]string{"book", `{"x":"` + strings.Repeat("x", 1<<19) + `"}`}), 0, "failed", ""},
		"unknown beside":     {calls("", [2]string{"book", `{}`}, [2]string{"pay", `{}`}), 0, "", "function that there isn't"},
		"too many":           {calls("", many...), 0, "", "too many calls"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var got []aiagent.Call
			e := serve(t, c.step, text("Sorry"))
			out, err := e.agent(t, func(cfg *aiagent.Config) {
				cfg.Tools = []aiagent.Tool{booking(&got, "", errors.New("password is hunter2"))}
			}).Answer(t.Context(), turn)
			require.Len(t, got, c.run)
			if c.refuse != "" {
				require.ErrorContains(t, err, c.refuse)
				return
			}
			require.NoError(t, err)
			require.Equal(t, "Sorry", out.Text)
			m := e.requests()[1].Messages
			require.Equal(t, c.told, m[len(m)-1].Content)
		})
	}
	t.Run("without end", func(t *testing.T) {
		t.Parallel()
		var got []aiagent.Call
		e := serve(t, calls("", [2]string{"book", `{}`}))
		_, err := e.agent(t, func(cfg *aiagent.Config) { cfg.Tools = []aiagent.Tool{booking(&got, "", nil)} }).Answer(t.Context(), turn)
		require.ErrorContains(t, err, "no end")
		require.Len(t, got, 9)
	})
}

func TestToolsAreChecked(t *testing.T) {
	t.Parallel()
	run := func(context.Context, aiagent.Call) (string, error) { return "", nil }
	_, err := aiagent.New(aiagent.Config{Model: "m", NoTools: true, Tools: []aiagent.Tool{
		{Name: "hand_over", Run: run}, {Name: "a b"}, {Name: "x", Run: run, Parameters: json.RawMessage("[]")}, {Name: "x", Run: run},
	}})
	var fields []string
	for _, f := range livedesk.FieldErrors(err) {
		fields = append(fields, f.Field)
	}
	require.Equal(t, []string{"Tools", "Tools[0].Name", "Tools[1].Name", "Tools[1].Run", "Tools[2].Parameters", "Tools[3].Name"}, fields)
}
