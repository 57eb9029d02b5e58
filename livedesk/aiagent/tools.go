package aiagent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"

	openai "github.com/sashabaranov/go-openai"

	"github.com/livedesk/livedesk-go/livedesk"
)

// Tool is a function of the host's that the model may call: to look something up, or to do something for the customer. What
// it may do is the host's to decide, and to check: the arguments are a model's, which may do what the customer says.
type Tool struct {
	// Name is 1 to 64 letters, digits, _ or -. Description says what it is for, in words for the model.
	Name, Description string
	// Parameters is a JSON Schema of the arguments, an object. Empty means that there are none.
	Parameters json.RawMessage
	// Run does it. It is a step of the turn ([livedesk.Turn.Do]): a finished one isn't run again when the turn is, and one
	// that wasn't is run with the same Key. Arguments are a JSON object, at most 16 KiB, not checked against Parameters.
	// The result is text for the model; an error is told to it as "failed", without its words.
	Run func(ctx context.Context, c Call) (string, error)
}

// Call is one call of a [Tool].
type Call struct {
	Key       string // the same when the call is made again after a crash, and of no other call
	Turn      livedesk.Turn
	Arguments json.RawMessage
}

const (
	maxRounds = 9 // requests of one turn
	maxCalls  = 8 // in one response
)

var toolName = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

func checkTools(list []Tool) (errs []error) {
	names := map[string]bool{callHandOver: true, callResolve: true}
	for i, t := range list {
		bad := func(field, problem string) {
			errs = append(errs, &livedesk.ValidationError{Field: fmt.Sprintf("Tools[%d].%s", i, field), Problem: problem})
		}
		switch {
		case !toolName.MatchString(t.Name):
			bad("Name", "must be 1 to 64 letters, digits, _ or -")
		case names[t.Name]:
			bad("Name", "is the name of another one")
		}
		names[t.Name] = true
		if len(t.Parameters) > 0 && !isObject(t.Parameters) {
			bad("Parameters", "is not a JSON object")
		}
		if t.Run == nil {
			bad("Run", "is nil")
		}
	}
	return errs
}

func isObject(b []byte) bool {
	var o map[string]json.RawMessage
	return json.Unmarshal(b, &o) == nil && o != nil
}

func (a *Agent) hostTools() []openai.Tool {
	var out []openai.Tool
	for _, t := range a.cfg.Tools {
		p := t.Parameters
		if len(p) == 0 {
			p = json.RawMessage(`{"type":"object","properties":{}}`)
		}
		out = append(out, openai.Tool{Type: openai.ToolTypeFunction, Function: &openai.FunctionDefinition{
			Name: t.Name, Description: t.Description, Parameters: p,
		}})
	}
	return out
}

func (a *Agent) tool(name string) (Tool, bool) {
	for _, t := range a.cfg.Tools {
		if t.Name == name {
			return t, true
		}
	}
	return Tool{}, false
}

// run runs the host's tools that the model called, one after the other, and returns their results for the model, and the
// calls that end the turn. Where there is one that doesn't exist none is run.
func (a *Agent) run(ctx context.Context, t livedesk.Turn, h hidden, calls []openai.ToolCall) (
	results []openai.ChatCompletionMessage, ends []openai.ToolCall, err error,
) {
	if len(calls) > maxCalls {
		t.Deny(ctx, calls[0].Function.Name, fmt.Sprintf("one of %d calls at once", len(calls)))
		return nil, nil, &Error{Problem: "model made too many calls at once"}
	}
	var hosts []openai.ToolCall
	for _, c := range calls {
		_, host := a.tool(c.Function.Name)
		switch {
		case host:
			hosts = append(hosts, c)
		case c.Function.Name == callHandOver || c.Function.Name == callResolve:
			ends = append(ends, c)
		default:
			t.Deny(ctx, c.Function.Name, "there is no such function")
			return nil, nil, &Error{Problem: "model called a function that there isn't"}
		}
	}
	for _, c := range hosts {
		result, err := a.call(ctx, t, h, c.Function)
		if err != nil {
			return nil, nil, err
		}
		results = append(results, openai.ChatCompletionMessage{Role: openai.ChatMessageRoleTool, ToolCallID: c.ID, Content: result})
	}
	return results, ends, nil
}

// call runs one tool.
func (a *Agent) call(ctx context.Context, t livedesk.Turn, h hidden, f openai.FunctionCall) (string, error) {
	tool, _ := a.tool(f.Name)
	args := json.RawMessage(f.Arguments)
	if len(args) == 0 {
		args = json.RawMessage("{}")
	}
	switch {
	case !isObject(args):
		t.Deny(ctx, f.Name, "the arguments are no JSON object")
		return "failed: the arguments are no JSON object", nil
	case h.marked(f.Arguments):
		t.Deny(ctx, f.Name, "the arguments give away what only the model was told")
		return "failed", nil
	}
	result, err := t.Do(ctx, f.Name, string(args), func(ctx context.Context, key string) (string, error) {
		return tool.Run(ctx, Call{Key: key, Turn: t, Arguments: args})
	})
	switch {
	case errors.Is(err, livedesk.ErrTurnOver):
		return "", err
	case ctx.Err() != nil:
		return "", fmt.Errorf("aiagent: %w", context.Cause(ctx))
	case err != nil:
		return "failed", nil
	}
	return result, nil
}
