package console

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
)

// maxForm is the largest body of a form. A text is at most some thousand characters.
const maxForm = 64 << 10

var (
	errStaleForm = errors.New("form of another session")
	errForm      = errors.New("form can't be read")
	errTooLarge  = errors.New("form is too large")
)

// contentPolicy allows what the console itself serves, and nothing inline: a customer's text that became markup by some
// mistake of ours would still run no script, load nothing and post nowhere.
const contentPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// guard wraps the console in what holds for every answer: strict headers, known hosts only, no posts from other sites.
// The token in each form and the SameSite cookie stand behind [http.CrossOriginProtection], for browsers that send
// neither Sec-Fetch-Site nor Origin.
func (c *console) guard(next http.Handler) http.Handler {
	csrf := http.NewCrossOriginProtection()
	csrf.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		refuse(w, http.StatusForbidden, "Refused: this request comes from another site.")
	}))
	next = csrf.Handler(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", contentPolicy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY") // frame-ancestors, for old browsers
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
		h.Set("Cache-Control", "no-store") // conversations don't belong on the disk of a shared machine
		switch {
		case !slices.Contains(c.Hosts, r.Host):
			refuse(w, http.StatusMisdirectedRequest, "This console does not answer to that name. Open the address that it printed when it started.")
		case r.Method != http.MethodGet && r.Method != http.MethodHead && r.Method != http.MethodPost:
			h.Set("Allow", "GET, HEAD, POST")
			refuse(w, http.StatusMethodNotAllowed, "Method not allowed.")
		default:
			next.ServeHTTP(w, r)
		}
	})
}

func refuse(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	fmt.Fprintln(w, text)
}

func readForm(w http.ResponseWriter, r *http.Request) error {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	err := r.ParseForm()
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return errTooLarge
	}
	if err != nil {
		return errForm // its own text could quote what was sent
	}
	return nil
}
