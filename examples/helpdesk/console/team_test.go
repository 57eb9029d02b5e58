package console

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/hours"
	"github.com/livedesk/livedesk-go/livedesk"
	"github.com/livedesk/livedesk-go/livedesk/memstore"
)

// Hours that the program brings are named, and can't be changed; what is saved in their place is a team's own.
func TestATeamWithHoursOfTheProgram(t *testing.T) {
	t.Parallel()
	never, err := hours.Schedule{Zone: "UTC"}.Compile()
	require.NoError(t, err)
	engine, err := livedesk.New(memstore.New(), livedesk.Config{BusinessHours: map[string]hours.BusinessHours{"moon": never}})
	require.NoError(t, err)
	desk := engine.Desk("main")
	_, err = desk.PutAgent(t.Context(), livedesk.Agent{ID: "ada"})
	require.NoError(t, err)
	require.NoError(t, desk.SetTeamSchedule(t.Context(), "support", "moon"))
	handler := New(Config{Engine: engine, Desk: desk, Hosts: []string{"example.com"}})
	var session *http.Cookie
	send := func(method, path string, form url.Values) *httptest.ResponseRecorder {
		r := httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(form.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		if session != nil {
			r.AddCookie(session)
		}
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		return w
	}
	session = send(http.MethodPost, "/sign-in", url.Values{"agent": {"ada"}}).Result().Cookies()[0]

	page := send(http.MethodGet, "/team?id=support", nil).Body.String()
	require.Contains(t, page, "The program brings the hours moon itself")
	require.Contains(t, page, `<option value="moon" selected>moon</option>`)
	token := regexp.MustCompile(`name="csrf" value="([^"]+)"`).FindStringSubmatch(page)[1]
	w := send(http.MethodPost, "/team/hours", url.Values{"csrf": {token}, "id": {"support"}, "schedule": {""}, "zone": {"UTC"}})
	require.Equal(t, http.StatusSeeOther, w.Code, w.Body.String())
	id, err := desk.TeamSchedule(t.Context(), "support")
	require.NoError(t, err)
	require.NotEqual(t, "moon", id)
	require.NotContains(t, send(http.MethodGet, "/team?id=support", nil).Body.String(), "The program brings")
}
