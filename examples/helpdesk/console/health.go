package console

import (
	"net/http"

	"github.com/livedesk/livedesk-go/livedesk"
)

// healthWord says how a channel is doing, in two words.
func healthWord(s livedesk.HealthState) string {
	switch s {
	case livedesk.HealthOK:
		return "In service"
	case livedesk.HealthDisabled:
		return "Disabled"
	case livedesk.HealthPaused:
		return "Paused"
	case livedesk.HealthRefused:
		return "Credentials refused"
	case livedesk.HealthUnreachable:
		return "Carrier unreachable"
	}
	return "Out of service"
}

// healthTone picks the colour of a channel's state: a person's own decision is no alarm.
func healthTone(s livedesk.HealthState) string {
	switch s {
	case livedesk.HealthOK:
		return "good"
	case livedesk.HealthPaused, livedesk.HealthDisabled:
		return "nobody"
	}
	return "bad"
}

// pauseChannel holds a channel's texts back, or lets them go on.
func (c *console) pauseChannel(w http.ResponseWriter, r *http.Request, s *session) (err error) {
	id := r.PathValue("id")
	switch r.PostFormValue("do") {
	case "pause":
		err = c.Desk.PauseChannel(r.Context(), id, s.actor(), r.PostFormValue("why"))
		s.say("Paused. Texts are kept until you resume the channel.")
	case "resume":
		err = c.Desk.ResumeChannel(r.Context(), id, s.actor())
		s.say("Resumed.")
	default:
		return errForm
	}
	if err != nil {
		s.said()
		return err
	}
	http.Redirect(w, r, "/channels/"+id, http.StatusSeeOther)
	return nil
}
