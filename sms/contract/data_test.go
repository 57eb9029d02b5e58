package contract_test

import (
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// copies are the files of ../shared/data that may be kept here, and where they are.
var copies = map[string][]string{
	"bandwidth_api_responses.json":    {"sms/bandwidth/testdata/api_responses.json", "sms/smstest/testdata/bandwidth_api_responses.json"},
	"bandwidth_error_codes.json":      {"sms/bandwidth/testdata/error_codes.json"},
	"bandwidth_inbound.json":          {"sms/bandwidth/testdata/inbound.json"}, // without what is Bandwidth's
	"bandwidth_status_callbacks.json": {"sms/bandwidth/testdata/status_callbacks.json"},
	"consent_keywords.json":           {"sms/testdata/consent_keywords.json"},
	"hours.json":                      {"hours/testdata/hours.json"},
	"segments.json":                   {"sms/testdata/segments.json"},
	"sms_gsm7.json":                   {"sms/testdata/sms_gsm7.json"},
	"twilio_api_responses.json":       {"sms/twilio/testdata/twilio_api_responses.json", "sms/smstest/testdata/twilio_api_responses.json"},
	"twilio_error_codes.json":         {"sms/twilio/testdata/twilio_error_codes.json"},
	"twilio_inbound.json":             {"sms/twilio/testdata/twilio_inbound.json"},
	"twilio_status_callbacks.json":    {"sms/twilio/testdata/twilio_status_callbacks.json"},
}

// What we keep of the reference data is what it says: nothing was changed, and nothing was left out but what is others'.
func TestCopiesAreTheSame(t *testing.T) {
	for name, paths := range copies {
		var original map[string]any
		readJSON(t, filepath.Join(sharedData(t), name), &original)
		for _, path := range paths {
			var kept map[string]any
			readJSON(t, filepath.Join(root(t), path), &kept)
			for field, value := range original {
				if _, isOthers := value.([]any); isOthers && strings.HasPrefix(field, "published_") {
					require.NotContains(t, kept, field, path)
				} else if _, ok := value.([]any); ok {
					require.Equal(t, value, kept[field], "%s of %s", field, path)
				}
			}
		}
	}
}

// Every file of the reference data is read by a test.
func TestReferenceDataIsUsed(t *testing.T) {
	unread := map[string]bool{}
	require.NoError(t, filepath.WalkDir(sharedData(t), func(path string, e fs.DirEntry, err error) error {
		if err == nil && filepath.Ext(path) == ".json" {
			unread[filepath.Base(path)] = true
		}
		return err
	}))
	require.NotEmpty(t, unread)
	require.NoError(t, filepath.WalkDir(root(t), func(path string, e fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, "_test.go") || filepath.Base(path) == "data_test.go" {
			return err
		}
		b, err := os.ReadFile(path)
		for name := range unread {
			names := append([]string{name}, copies[name]...)
			for _, n := range names {
				if strings.Contains(string(b), filepath.Base(n)+`"`) {
					delete(unread, name)
				}
			}
		}
		return err
	}))
	require.Empty(t, unread)
}

// sharedData is the folder of the reference data, beside the repository.
func sharedData(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(root(t), "..", "shared", "data")
	if _, err := os.Stat(dir); err != nil {
		t.Skip("the reference data is missing: put it into ../shared/data beside the repository to run this")
	}
	return dir
}

func readJSON(t *testing.T, path string, into any) {
	t.Helper()
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(b, into))
}
