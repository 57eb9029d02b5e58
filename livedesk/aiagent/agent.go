package aiagent

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	openai "github.com/sashabaranov/go-openai"

	"github.com/livedesk/livedesk-go/livedesk"
	"github.com/livedesk/livedesk-go/sms"
)

// Config sets up an [Agent].
type Config struct {
	// BaseURL is the address of the API up to its version ("http://localhost:11434/v1"). Empty means OpenAI's.
	BaseURL string
	// APIKey is sent as a bearer token. Empty sends none.
	APIKey sms.Secret
	// Model is required.
	Model string
	// Instructions are what the model is told of its task, at most 64 KiB. The customer can get at them in other words; an
	// answer that repeats much of them as they are, more than 160 letters in a row, is held back.
	Instructions string
	// MaxTokens is the longest answer. Zero means 500. An answer that is cut off there is none: a human answers.
	MaxTokens int
	// LegacyMaxTokens sends it as max_tokens, for endpoints that don't know max_completion_tokens.
	LegacyMaxTokens bool
	// Temperature is how freely the model chooses its words, up to 2. Zero leaves it to the endpoint; negative means 0.
	Temperature float32
	// NoTools is for models and endpoints without function calls: the model then writes a marker in the answer's last line.
	NoTools bool
	// Tools are functions of the host's that the model may call, beside those to hand over and to resolve. Not with NoTools.
	Tools []Tool
	// Retries is how often a request that was refused for the moment is repeated: no connection, 429, 500, 502, 503, 504.
	// It is repeated only if it can still be answered in time. Zero means 2; negative means never.
	Retries int
	// MaxResponse is the longest response that is read, in bytes. Zero means 1 MiB.
	MaxResponse int64
	// Transport sends the requests. nil means one of its own with net/http's defaults.
	Transport http.RoundTripper
}

const (
	maxInstructions  = 64 << 10
	defaultMaxTokens = 500
	defaultRetries   = 2
	defaultResponse  = 1 << 20
)

func (c Config) withDefaults() Config {
	if c.BaseURL == "" {
		c.BaseURL = "https://api.openai.com/v1"
	}
	if c.MaxTokens == 0 {
		c.MaxTokens = defaultMaxTokens
	}
	if c.Retries == 0 {
		c.Retries = defaultRetries
	}
	if c.MaxResponse == 0 {
		c.MaxResponse = defaultResponse
	}
	return c
}

func (c Config) check() error {
	var errs []error
	bad := func(field, problem string) {
		errs = append(errs, &livedesk.ValidationError{Field: field, Problem: problem})
	}
	u, err := url.Parse(c.BaseURL)
	switch {
	case err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "":
		bad("BaseURL", "must begin with https:// or http://, and a host")
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		bad("BaseURL", "must have no user, query or fragment")
	}
	if c.Model == "" {
		bad("Model", "is required")
	}
	if len(c.Instructions) > maxInstructions {
		bad("Instructions", "is too long (at most 64 KiB)")
	}
	if c.MaxTokens < 0 {
		bad("MaxTokens", "can't be negative")
	}
	if !(c.Temperature <= 2) {
		bad("Temperature", "is above 2")
	}
	if len(c.Tools) > 0 && c.NoTools {
		bad("Tools", "can't be called with NoTools")
	}
	errs = append(errs, checkTools(c.Tools)...)
	if c.MaxResponse < 0 {
		bad("MaxResponse", "can't be negative")
	}
	return errors.Join(errs...)
}

// Agent is a [livedesk.AIAgent] over a chat-completion endpoint. It is safe for concurrent use and has no goroutine.
type Agent struct {
	cfg    Config
	client *openai.Client
}

var _ livedesk.AIAgent = (*Agent)(nil)

// New returns an Agent; it asks the endpoint nothing. The error holds every problem of cfg, each a
// [livedesk.ValidationError].
func New(cfg Config) (*Agent, error) {
	cfg = cfg.withDefaults()
	if err := cfg.check(); err != nil {
		return nil, err
	}
	c := openai.DefaultConfig(cfg.APIKey.Reveal())
	c.BaseURL = strings.TrimRight(cfg.BaseURL, "/")
	c.HTTPClient = newDoer(cfg)
	return &Agent{cfg: cfg, client: openai.NewClientWithConfig(c)}, nil
}

// Answer implements [livedesk.AIAgent]: one request, repeated where that is safe, and one more after each round of calls of
// the host's tools, of which there are at most 8. Errors are an [*Error], ctx's or [livedesk.ErrTurnOver]; none holds anything
// of a text. A refusal and a stop by the endpoint's content filter are answers that hand over, and so is one that gives away
// what the model alone was told: the mark that each request has, also spread out or encoded, or a piece of the frame or of a
// private note; people find its text as a note. What the model calls and may not is noted by [livedesk.Turn.Deny].
func (a *Agent) Answer(ctx context.Context, t livedesk.Turn) (livedesk.Answer, error) {
	h := hide(a.cfg, t)
	req := openai.ChatCompletionRequest{
		Model: a.cfg.Model, Messages: messages(a.cfg, t, h), Temperature: a.cfg.Temperature, MaxCompletionTokens: a.cfg.MaxTokens,
	}
	if req.Temperature < 0 {
		req.Temperature = math.SmallestNonzeroFloat32 // go-openai leaves a zero out
	}
	if a.cfg.LegacyMaxTokens {
		//lint:ignore SA1019 OpenAI's models don't want it any more, others know nothing else
		req.MaxTokens, req.MaxCompletionTokens = req.MaxCompletionTokens, 0
	}
	if !a.cfg.NoTools {
		req.Tools = append(a.hostTools(), tools...)
	}
	for range maxRounds {
		res, err := a.client.CreateChatCompletion(ctx, req)
		if err != nil {
			return livedesk.Answer{}, problem(ctx, err)
		}
		if len(res.Choices) == 0 {
			return livedesk.Answer{}, &Error{Problem: "response holds no answer"}
		}
		results, ends, err := a.run(ctx, t, h, res.Choices[0].Message.ToolCalls)
		if err != nil {
			return livedesk.Answer{}, err
		}
		if len(results) == 0 || len(ends) > 0 {
			return a.answer(res.Choices[0], ends, h)
		}
		req.Messages = append(append(req.Messages, res.Choices[0].Message), results...)
	}
	t.Deny(ctx, "", "calls without end")
	return livedesk.Answer{}, &Error{Problem: "model came to no end of calling tools"}
}

// answer reads the model's choice, with the calls that end the turn.
func (a *Agent) answer(c openai.ChatCompletionChoice, ends []openai.ToolCall, h hidden) (livedesk.Answer, error) {
	switch {
	case c.FinishReason == openai.FinishReasonLength:
		return livedesk.Answer{}, &Error{Problem: "answer was cut off at MaxTokens"}
	case c.FinishReason == openai.FinishReasonContentFilter:
		return livedesk.Answer{Then: livedesk.HandOver, Reason: "stopped by the endpoint's content filter"}, nil
	case c.Message.Refusal != "":
		return livedesk.Answer{Then: livedesk.HandOver, Reason: "the model refused to answer"}, nil
	}
	out := livedesk.Answer{Text: strings.TrimSpace(c.Message.Content)}
	if a.cfg.NoTools {
		out = marked(out)
	} else {
		out = called(out, ends)
	}
	switch {
	case strings.ContainsRune(out.Text, utf8.RuneError): // what encoding/json makes of ill-formed UTF-8
		return livedesk.Answer{}, &Error{Problem: "answer is not UTF-8"}
	case h.leaks(out.Text):
		return livedesk.Answer{
			Then: livedesk.HandOver, Reason: "the answer gave away what only the model was told", Note: "Held back, not sent: " + out.Text,
		}, nil
	}
	return out, nil
}

// Error says why an endpoint gave no answer. It holds nothing of what was sent or came back but the code.
type Error struct {
	Status  int    // of HTTP; 0 where there is none
	Code    string // the endpoint's own ("insufficient_quota"); at most 64 bytes
	Problem string
}

// Error implements error.
func (e *Error) Error() string {
	s := "aiagent: " + e.Problem
	if e.Status != 0 {
		s += fmt.Sprintf(" (HTTP %d)", e.Status)
	}
	if e.Code != "" {
		s += ": " + e.Code
	}
	return s
}

// problem is an error without what the endpoint says in its own words: it may repeat a customer's.
func problem(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return fmt.Errorf("aiagent: %w", cause)
	}
	if e, ok := errors.AsType[*openai.APIError](err); ok {
		code, _ := e.Code.(string)
		return &Error{Status: e.HTTPStatusCode, Code: plainCode(code), Problem: "endpoint refused the request"}
	}
	if e, ok := errors.AsType[*openai.RequestError](err); ok {
		return &Error{Status: e.HTTPStatusCode, Problem: "endpoint refused the request"}
	}
	if errors.Is(err, errTooLong) {
		return &Error{Problem: "response is longer than MaxResponse"}
	}
	if _, ok := errors.AsType[*url.Error](err); ok {
		return &Error{Problem: "endpoint can't be reached"}
	}
	return &Error{Problem: "response can't be read"}
}

// plainCode returns a code if it is one: words of letters, digits and the like.
func plainCode(s string) string {
	odd := func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '_' && r != '-' && r != '.'
	}
	if len(s) > 64 || strings.ContainsFunc(s, odd) {
		return ""
	}
	return s
}
