package sms_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/livedesk/livedesk-go/channel"
	"github.com/livedesk/livedesk-go/sms"
)

// What calls itself a photo is served as what its bytes show, and as an attachment.
func ExampleSetAttachmentHeader() {
	handler := func(w http.ResponseWriter, _ *http.Request) {
		media := fetched("image/jpeg", `<svg onload="alert(1)"/>`) // in a desk: desk.FetchMedia(ctx, message, 0)
		defer media.Close()
		sms.SetAttachmentHeader(w.Header(), media.Type, "holiday.jpg")
		if _, err := io.Copy(w, media); err != nil {
			panic(http.ErrAbortHandler) // so that the browser sees that the file broke off
		}
	}
	w := httptest.NewRecorder()
	handler(w, nil)
	for _, name := range []string{"Content-Type", "Content-Disposition", "X-Content-Type-Options"} {
		fmt.Println(w.Header().Get(name))
	}
	// Output:
	// application/octet-stream
	// attachment; filename=holiday.bin
	// nosniff
}

// A carrier of one's own makes its Media of an answer; the limit holds whatever was announced.
func ExampleNewMedia() {
	answer := &http.Response{Body: io.NopCloser(strings.NewReader("GIF89a and much more")), ContentLength: -1,
		Header: http.Header{"Content-Type": {"image/jpeg"}}}
	media, err := sms.NewMedia(answer.Body, answer.Header.Get("Content-Type"), answer.ContentLength, 10)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer media.Close()
	fmt.Println(media.Told, media.Type)
	_, err = io.ReadAll(media)
	fmt.Println(err)
	// Output:
	// image/jpeg image/gif
	// file is too large
}

func ExampleMediaLimits() {
	limits := sms.MediaLimits{Files: 10, Total: 5 << 20}
	fmt.Println(limits.Check([]channel.Attachment{{ContentType: "image/png", Size: 4 << 20}, {ContentType: "image/png", Size: 2 << 20}}))
	fmt.Println(limits.CheckURLs([]string{"https://files.example.com/menu.png", "menu.png"}))
	// Output:
	// media: is too large together (at most 5242880 bytes)
	// media[1]: is not an absolute http or https URL
}

func fetched(told, body string) *sms.Media {
	m, err := sms.NewMedia(io.NopCloser(strings.NewReader(body)), told, int64(len(body)), 0)
	if err != nil {
		panic(err)
	}
	return m
}
