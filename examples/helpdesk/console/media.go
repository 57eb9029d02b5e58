package console

import (
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strconv"

	"github.com/livedesk/livedesk-go/sms"
)

// showMedia passes a customer's file on from the carrier, as something to save: nothing that a customer sent is shown as
// a part of a page. A host that keeps files copies them to a store of its own soon after they came in.
func (c *console) showMedia(w http.ResponseWriter, r *http.Request, s *session) error {
	index, err := strconv.Atoi(r.PathValue("index"))
	if err != nil {
		return errForm
	}
	file, err := c.Desk.FetchMedia(r.Context(), r.PathValue("message"), index)
	switch {
	case errors.Is(err, sms.ErrMediaNotFound):
		c.render(w, r, s, http.StatusNotFound, "error", errorPage{Title: "File not found", Problem: "The carrier doesn’t have this file, or not yet. Carriers keep files for a few days."})
		return nil
	case err != nil:
		return err
	}
	defer file.Close()
	sms.SetAttachmentHeader(w.Header(), file.Type, "attachment")
	w.Header().Set("Cache-Control", "private, no-store")
	if _, err := io.Copy(w, file); err != nil {
		c.Logger.LogAttrs(r.Context(), slog.LevelWarn, "file broke off", slog.Any("error", err))
		panic(http.ErrAbortHandler) // so that the browser doesn't take half of it for the whole
	}
	return nil
}
