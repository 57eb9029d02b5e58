package sms_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/livedesk/livedesk-go/sms"
	"github.com/stretchr/testify/require"
)

func testForm() sms.Form {
	return sms.Form{Provider: "acme", Title: sms.Text{EN: "Acme", FR: "Acmé"}, Fields: []sms.Field{
		{Name: "name", Kind: sms.FieldName, Scope: sms.ScopeChannel, Required: true},
		{Name: "use_pool", Kind: sms.FieldBool, Scope: sms.ScopeChannel},
		{
			Name: "number", Kind: sms.FieldNumber, Scope: sms.ScopeChannel, Required: true, When: "!use_pool",
			Pattern: `\+[1-9]\d{6,14}`, PatternHelp: sms.Text{EN: "must be a number like +14155550123"},
		},
		{Name: "pool", Kind: sms.FieldPool, Scope: sms.ScopeChannel, Required: true, When: "use_pool", Pattern: "MG|MH"},
		{Name: "token", Kind: sms.FieldText, Scope: sms.ScopeConnection, Secret: true},
	}}
}

func TestFormValidate(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		in   map[string]string
		want map[string]string
		errs sms.FieldErrors
	}{
		{
			"number, blanks at both ends removed",
			map[string]string{"name": " Desk ", "number": "+14155550123\n", "token": "t"},
			map[string]string{"name": "Desk", "number": "+14155550123", "token": "t"}, nil,
		},
		{
			"what isn't shown is neither checked nor kept",
			map[string]string{"name": "Desk", "use_pool": "true", "pool": "MG", "number": "nonsense"},
			map[string]string{"name": "Desk", "use_pool": "true", "pool": "MG"}, nil,
		},
		{
			"an optional field left empty is left out",
			map[string]string{"name": "Desk", "use_pool": "false", "number": "+14155550123", "token": " "},
			map[string]string{"name": "Desk", "use_pool": "false", "number": "+14155550123"}, nil,
		},
		{"required", nil, nil, sms.FieldErrors{{Field: "name", Problem: "is required"}, {Field: "number", Problem: "is required"}}},
		{
			"all problems at once, in the order of the form, unknown names last and sorted",
			map[string]string{"z": "1", "b": "2", "name": "a\x00", "use_pool": "maybe", "number": "0123", "token": strings.Repeat("s", 513)}, nil,
			sms.FieldErrors{
				{Field: "name", Problem: "holds a control character"},
				{Field: "use_pool", Problem: `must be "true" or "false"`},
				{Field: "number", Problem: "must be a number like +14155550123"},
				{Field: "token", Problem: "is too long (at most 512 bytes)"},
				{Field: "b", Problem: "is not a field of this provider"},
				{Field: "z", Problem: "is not a field of this provider"},
			},
		},
		{
			"a pattern matches whole, alternatives too",
			map[string]string{"name": "Desk", "use_pool": "true", "pool": "MGx"}, nil,
			sms.FieldErrors{{Field: "pool", Problem: "does not have the right form"}},
		},
		{
			"CR and LF inside", // F139
			map[string]string{"name": "a\r\nX-Evil: 1", "number": "+14155550123"}, nil,
			sms.FieldErrors{{Field: "name", Problem: "holds a control character"}},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got, err := testForm().Validate(c.in)
			require.Equal(t, c.want, got)
			if c.errs == nil {
				require.NoError(t, err)
				return
			}
			require.Equal(t, c.errs, err)
		})
	}
}

func TestFormErrorsNeverRepeatAValue(t *testing.T) {
	t.Parallel()
	_, err := testForm().Validate(map[string]string{
		"name": "s3cret\x01", "use_pool": "s3cret", "number": "s3cret", "token": strings.Repeat("s3cret", 100), "x": "s3cret",
	})
	require.Error(t, err)
	require.NotContains(t, err.Error(), "s3cret")
	require.Contains(t, err.Error(), "name: holds a control character; use_pool: must be")
}

func TestFormField(t *testing.T) {
	t.Parallel()
	f, ok := testForm().Field("pool")
	require.True(t, ok)
	require.Equal(t, sms.FieldPool, f.Kind)
	_, ok = testForm().Field("nope")
	require.False(t, ok)
}

func TestTextIn(t *testing.T) {
	t.Parallel()
	x := sms.Text{EN: "number", FR: "numéro"}
	for tag, want := range map[string]string{
		"fr": "numéro", "fr-CA": "numéro", "FR": "numéro", "en": "number", "": "number", "de": "number", "frr": "number",
	} {
		require.Equal(t, want, x.In(tag), tag)
	}
	require.Equal(t, "number", sms.Text{EN: "number"}.In("fr"))
}

func TestFormAsJSON(t *testing.T) {
	t.Parallel()
	b, err := json.Marshal(testForm().Fields[0])
	require.NoError(t, err)
	require.JSONEq(t, `{"name":"name","kind":"name","scope":"channel","label":{"en":"","fr":""},"help":{"en":"","fr":""},"required":true,"secret":false}`, string(b))
}

func FuzzFormValidate(f *testing.F) {
	f.Add("Desk", "true", "+14155550123", "MG")
	f.Add("\xff", "false", " ", "\u0085")
	f.Fuzz(func(t *testing.T, name, pool, number, group string) {
		got, err := testForm().Validate(map[string]string{"name": name, "use_pool": pool, "number": number, "pool": group})
		require.NotEqual(t, got == nil, err == nil)
		again, err2 := testForm().Validate(got)
		if err == nil {
			require.NoError(t, err2)
			require.Equal(t, got, again, "idempotent")
		}
	})
}
