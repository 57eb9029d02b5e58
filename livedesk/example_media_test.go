package livedesk_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"

	"github.com/livedesk/livedesk-go/channel"
	"github.com/livedesk/livedesk-go/livedesk"
	"github.com/livedesk/livedesk-go/sms"
	"github.com/livedesk/livedesk-go/sms/smstest"
)

// A page shows what a customer sent: through the desk, as an attachment, as what its bytes are.
func ExampleDesk_FetchMedia() {
	_, desk, _, carrier := exampleDesk(livedesk.Config{})
	photo := carrier.AddMedia(smstest.Media{Body: []byte("\x89PNG\r\n\x1a\n…")})
	_, _ = carrier.Deliver(context.Background(), smstest.Text{Body: "It looks like this", Media: []string{photo}})

	mux := http.NewServeMux()
	mux.HandleFunc("GET /messages/{id}/media/{n}", func(w http.ResponseWriter, r *http.Request) {
		n, _ := strconv.Atoi(r.PathValue("n"))
		file, err := desk.FetchMedia(r.Context(), r.PathValue("id"), n)
		if err != nil {
			http.Error(w, livedesk.ErrorCode(err), livedesk.HTTPStatus(err))
			return
		}
		defer file.Close()
		sms.SetAttachmentHeader(w.Header(), file.Type, "photo")
		if _, err := io.Copy(w, file); err != nil {
			panic(http.ErrAbortHandler) // the file is not whole: let the browser see it
		}
	})

	for c := range desk.AllConversations(context.Background(), livedesk.List{}) {
		for m := range desk.Messages(context.Background(), c.ID, 0) {
			if m.Kind != livedesk.Incoming {
				continue
			}
			for _, n := range []int{0, 1} {
				w := httptest.NewRecorder()
				mux.ServeHTTP(w, httptest.NewRequest("GET", fmt.Sprintf("/messages/%s/media/%d", m.ID, n), nil))
				fmt.Println(w.Code, w.Header().Get("Content-Type"), w.Header().Get("Content-Disposition"))
			}
		}
	}
	// Output:
	// 200 image/png attachment; filename=photo.png
	// 404 text/plain; charset=utf-8
}

// Before a file is put where the carrier can fetch it, its size and type can be asked about.
func ExampleDesk_CheckMedia() {
	_, desk, ch, _ := exampleDesk(livedesk.Config{})
	err := desk.CheckMedia(context.Background(), ch.ID, []channel.Attachment{{ContentType: "video/mp4", Size: 8 << 20}})
	for _, f := range livedesk.FieldErrors(err) {
		fmt.Println(f)
	}
	// Output:
	// media[0].size: is too large (at most 512000 bytes)
	// media: is too large together (at most 5242880 bytes)
}
