package contract_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"
	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/channel"
)

// description is a carrier's published OpenAPI document.
type description struct {
	doc    *openapi3.T
	router routers.Router
	// formats are those that the document names and no standard says; the others are kin-openapi's.
	asked, answered []openapi3.SchemaValidationOption
}

// describe loads a document, or skips where it isn't there.
func describe(t testing.TB, name string) *description {
	t.Helper()
	path := filepath.Join(root(t), "..", "shared", "data", "openapi", name)
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
		t.Skipf("the carriers' descriptions are missing: put %s into ../shared/data/openapi beside the repository to run this", name)
	}
	doc, err := openapi3.NewLoader().LoadFromFile(path)
	require.NoError(t, err)
	router, err := gorillamux.NewRouter(doc)
	require.NoError(t, err)
	return &description{doc: doc, router: router, asked: formats(absolute), answered: formats(reference)}
}

// root is the folder of the repository.
func root(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	require.NoError(t, err)
	for {
		mod, err := os.ReadFile(filepath.Join(dir, "go.mod"))
		if err == nil && bytes.HasPrefix(mod, []byte("module github.com/livedesk/livedesk-go\n")) {
			return dir
		}
		require.NotEqual(t, dir, filepath.Dir(dir), "no go.mod of the root module above")
		dir = filepath.Dir(dir)
	}
}

func formats(uri func(string) error) []openapi3.SchemaValidationOption {
	return []openapi3.SchemaValidationOption{
		openapi3.WithStringFormatValidator("uri", openapi3.NewCallbackValidator(uri)),
		openapi3.WithStringFormatValidator("phone-number", openapi3.NewCallbackValidator(phoneNumber)),
		openapi3.WithStringFormatValidator("date-time", openapi3.NewCallbackValidator(dateTime)),
		openapi3.WithStringFormatValidator("date-time-rfc-2822", openapi3.NewCallbackValidator(func(s string) error {
			_, err := time.Parse(time.RFC1123Z, s)
			return err
		})),
	}
}

func absolute(s string) error {
	u, err := url.Parse(s)
	if err == nil && (u.Host == "" || u.Scheme != "https" && u.Scheme != "http") {
		err = errors.New("is no absolute URL")
	}
	return err
}

// reference is a URI as Twilio's lists have it: the examples of its document are relative ("/2010-04-01/…").
func reference(s string) error {
	u, err := url.Parse(s)
	if err == nil && u.Path == "" {
		err = errors.New("is empty")
	}
	return err
}

// phoneNumber is any sender or recipient: Twilio's format of that name also stands where short codes and names are allowed.
func phoneNumber(s string) error {
	if channel.Address(s).Kind() == channel.KindOther {
		return errors.New("is no number, short code or name")
	}
	return nil
}

// dateTime is RFC 3339, or the day alone, which the words and the examples of Twilio's filters ask for under this format.
func dateTime(s string) error {
	_, err := time.Parse(time.RFC3339, s)
	if err != nil {
		_, err = time.Parse(time.DateOnly, s)
	}
	return err
}

// operation finds what the document calls a request: "POST /users/{accountId}/messages"; empty for what isn't there.
func (d *description) operation(x exchange) (string, *openapi3filter.RequestValidationInput) {
	req, err := http.NewRequest(x.method, encodeMedia(x.url), bytes.NewReader(x.body))
	if err != nil {
		return "", nil
	}
	req.Header = x.header.Clone()
	route, params, err := d.router.FindRoute(req)
	if err != nil {
		return "", nil
	}
	return route.Method + " " + route.Path, &openapi3filter.RequestValidationInput{Request: req, PathParams: params, Route: route,
		Options: &openapi3filter.Options{MultiError: true, IncludeResponseStatus: true, RejectWhenRequestBodyNotSpecified: true,
			SkipSettingDefaults: true, AuthenticationFunc: authenticated, SchemaValidationOptions: d.asked}}
}

// encodeMedia writes the slashes of one of Bandwidth's media ids as %2F: its id is one parameter in the document, whose
// example has slashes, and in every address that Bandwidth writes they are plain.
func encodeMedia(address string) string {
	before, id, found := strings.Cut(address, "/media/")
	if !found || !strings.Contains(before, "messaging.bandwidth.com") {
		return address
	}
	return before + "/media/" + strings.ReplaceAll(id, "/", "%2F")
}

// authenticated wants one of the document's ways to prove who asks.
func authenticated(_ context.Context, in *openapi3filter.AuthenticationInput) error {
	scheme, _, _ := strings.Cut(in.RequestValidationInput.Request.Header.Get("Authorization"), " ")
	want := "Basic"
	if in.SecurityScheme.Type == "oauth2" {
		want = "Bearer"
	}
	if scheme != want {
		return fmt.Errorf("Authorization is %q, not %s", scheme, want)
	}
	return nil
}

// request holds a request to the document, and names what the document doesn't know: OpenAPI lets unknown parameters
// pass, and a misspelt one is what a contract test is for.
func (d *description) request(x exchange) error {
	name, in := d.operation(x)
	if in == nil {
		return fmt.Errorf("%s %s: not in the description", x.method, x.url)
	}
	err := openapi3filter.ValidateRequest(context.Background(), in)
	if in.Route.Operation.RequestBody != nil && len(x.body) == 0 { // kin-openapi lets none pass, whatever would be required in it
		err = errors.Join(err, errors.New("has no body"))
	}
	if unknown := d.unknownParameters(x, in.Route); len(unknown) > 0 {
		err = errors.Join(err, fmt.Errorf("parameters that the description doesn't have: %q", unknown))
	}
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

func (d *description) unknownParameters(x exchange, route *routers.Route) (unknown []string) {
	u, err := url.Parse(x.url)
	if err != nil {
		return []string{"(the URL)"}
	}
	for name := range u.Query() {
		if route.Operation.Parameters.GetByInAndName("query", name) == nil {
			unknown = append(unknown, name)
		}
	}
	if route.Operation.RequestBody == nil {
		return unknown
	}
	kind, _, _ := mime.ParseMediaType(x.header.Get("Content-Type"))
	content := route.Operation.RequestBody.Value.Content.Get(kind)
	switch {
	case content == nil: // ValidateRequest has said so
	case kind == "application/x-www-form-urlencoded":
		form, err := url.ParseQuery(string(x.body))
		if err != nil {
			return append(unknown, "(the form)")
		}
		for name, values := range form {
			if p := content.Schema.Value.Properties[name]; p == nil || len(values) > 1 && !p.Value.Type.Is("array") {
				unknown = append(unknown, name)
			}
		}
	default:
		unknown = append(unknown, undocumented(x.body, content.Schema.Value)...)
	}
	return unknown
}

// answer holds a fake's answer to the document. Fields that it doesn't have count, as does a status that it doesn't have.
func (d *description) answer(x exchange) error {
	name, in := d.operation(x)
	if in == nil {
		return fmt.Errorf("%s %s: not in the description", x.method, x.url)
	}
	in.Options.SchemaValidationOptions = d.answered
	out := &openapi3filter.ResponseValidationInput{RequestValidationInput: in, Status: x.status, Header: x.answerHeader, Options: in.Options}
	out.SetBodyBytes(x.answer)
	err := openapi3filter.ValidateResponse(context.Background(), out)
	if res := in.Route.Operation.Responses.Status(x.status); res != nil {
		if content := res.Value.Content.Get("application/json"); content != nil && content.Schema != nil {
			if unknown := undocumented(x.answer, content.Schema.Value); len(unknown) > 0 {
				err = errors.Join(err, fmt.Errorf("fields that the description doesn't have: %q", unknown))
			}
		}
	}
	if err != nil {
		return fmt.Errorf("answer %d to %s: %w", x.status, name, err)
	}
	return nil
}

// callback holds one element of a webhook's array to a schema of the document.
func (d *description) callback(schema string, raw []byte) error {
	s := d.doc.Components.Schemas[schema].Value
	var v any
	if err := json.Unmarshal(raw, &v); err != nil {
		return err
	}
	err := s.VisitJSON(v, append(slices.Clone(d.answered), openapi3.MultiErrors(), openapi3.VisitAsResponse(), openapi3.EnableFormatValidation())...)
	if unknown := undocumented(raw, s); len(unknown) > 0 {
		err = errors.Join(err, fmt.Errorf("fields that the description doesn't have: %q", unknown))
	}
	return err
}

// undocumented lists the fields of a JSON document that a schema doesn't name, with their path.
func undocumented(raw []byte, s *openapi3.Schema) []string {
	var v any
	dec := json.NewDecoder(bytes.NewReader(raw))
	if err := dec.Decode(&v); err != nil {
		return []string{"(no JSON)"}
	}
	if _, err := dec.Token(); err != io.EOF {
		return []string{"(more than one document)"}
	}
	return strangers("", v, s)
}

func strangers(at string, v any, s *openapi3.Schema) (out []string) {
	switch v := v.(type) {
	case []any:
		if s.Items == nil {
			return nil
		}
		for i, e := range v {
			out = append(out, strangers(fmt.Sprintf("%s[%d]", at, i), e, s.Items.Value)...)
		}
	case map[string]any:
		known := properties(s)
		if len(known) == 0 { // a map, such as Twilio's subresource_uris
			return nil
		}
		for name, e := range v {
			if p := known[name]; p == nil {
				out = append(out, at+"."+name)
			} else {
				out = append(out, strangers(at+"."+name, e, p)...)
			}
		}
	}
	slices.Sort(out)
	return out
}

// properties are those of a schema and of what it is composed of.
func properties(s *openapi3.Schema) map[string]*openapi3.Schema {
	out := map[string]*openapi3.Schema{}
	for name, p := range s.Properties {
		out[name] = p.Value
	}
	for _, part := range s.AllOf {
		for name, p := range properties(part.Value) {
			out[name] = p
		}
	}
	return out
}
