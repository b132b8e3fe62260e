package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"
)

const (
	// Longest time that one case may take.
	caseTimeout = 90 * time.Second
	casesAtOnce = 4
)

// settings say where the broker is and how to prove who we are.
type settings struct {
	connectionString, sendOnly, listenOnly string
	host, port, keyName                    string
	prefix, controlURL                     string
	// For the admin client.
	admin string
	// With TLS, and what the client must be given besides.
	secure, secureOptions string
}

func settingsFromEnvironment() (settings, error) {
	var missing []string
	read := func(name string) string {
		value := os.Getenv(name)
		if value == "" {
			missing = append(missing, name)
		}
		return value
	}
	s := settings{
		connectionString: read("RETRAIN_CONNECTION_STRING"),
		sendOnly:         read("RETRAIN_SEND_ONLY_CONNECTION_STRING"),
		listenOnly:       read("RETRAIN_LISTEN_ONLY_CONNECTION_STRING"),
		host:             read("RETRAIN_HOST"),
		port:             read("RETRAIN_PORT"),
		keyName:          read("RETRAIN_KEY_NAME"),
		prefix:           read("RETRAIN_QUEUE_PREFIX"),
		controlURL:       read("RETRAIN_CONTROL_URL"),
		admin:            read("RETRAIN_ADMIN_CONNECTION_STRING"),
		secure:           read("RETRAIN_TLS_CONNECTION_STRING"),
		secureOptions:    read("RETRAIN_TLS_OPTIONS"),
	}
	if len(missing) > 0 {
		return s, fmt.Errorf("not set: %s; run it through npm run test:sdks -- go", strings.Join(missing, ", "))
	}
	return s, nil
}

type testCase struct {
	name string
	run  func(t *scene)
}

// failure is what a case panics with when it is over.
type failure struct{ reason string }

type report struct {
	settings settings
	selected []string

	mutex  sync.Mutex
	ok     int
	failed int
	// Queues of each kind that have been given to a case.
	used map[string]int
}

func newReport(settings settings, selected []string) *report {
	return &report{settings: settings, selected: selected, used: map[string]int{}}
}

func (r *report) passed() bool { return r.failed == 0 && r.ok > 0 }

func (r *report) wants(name string) bool {
	for _, part := range r.selected {
		if strings.Contains(name, part) {
			return true
		}
	}
	return len(r.selected) == 0
}

// runAll runs the cases, so many at a time.
func (r *report) runAll(atOnce int, cases []testCase) {
	waiting := make(chan testCase)
	var workers sync.WaitGroup
	for range atOnce {
		workers.Go(func() {
			for c := range waiting {
				r.run(c)
			}
		})
	}
	for _, c := range cases {
		if r.wants(c.name) {
			waiting <- c
		}
	}
	close(waiting)
	workers.Wait()
}

func (r *report) run(c testCase) {
	notes, err := r.outcomeOf(c)
	r.mutex.Lock()
	defer r.mutex.Unlock()
	for _, note := range notes {
		fmt.Println("note " + c.name + ": " + oneLine(note))
	}
	if err != nil {
		r.failed++
		fmt.Println("FAIL " + c.name + ": " + oneLine(err.Error()))
		return
	}
	r.ok++
	fmt.Println("ok " + c.name)
}

func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

func (r *report) outcomeOf(c testCase) (notes []string, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), caseTimeout)
	defer cancel()
	t := &scene{ctx: ctx, settings: r.settings, report: r}
	defer func() {
		cause := recover()
		t.closeAll()
		notes = t.notes
		if cause == nil {
			return
		}
		if f, is := cause.(failure); is {
			err = errors.New(f.reason)
			return
		}
		err = fmt.Errorf("panic: %v", cause)
	}()
	c.run(t)
	return
}

// queue gives a queue of that kind which no other case uses.
func (t *scene) queue(kind string) string {
	t.report.mutex.Lock()
	defer t.report.mutex.Unlock()
	t.report.used[kind]++
	return fmt.Sprintf("%s%s-%d", t.settings.prefix, kind, t.report.used[kind])
}

func (t *scene) fail(format string, arguments ...any) {
	panic(failure{fmt.Sprintf(format, arguments...)})
}

func (t *scene) note(format string, arguments ...any) {
	t.notes = append(t.notes, fmt.Sprintf(format, arguments...))
}

// must ends the case when err is one.
func (t *scene) must(err error, what string) {
	if err != nil {
		t.fail("%s: %v", what, err)
	}
}

func (t *scene) check(holds bool, format string, arguments ...any) {
	if !holds {
		t.fail(format, arguments...)
	}
}

func (t *scene) onEnd(end func(context.Context) error) { t.ends = append(t.ends, end) }

func (t *scene) closeAll() {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	for i := len(t.ends) - 1; i >= 0; i-- {
		_ = t.ends[i](ctx)
	}
}

// within gives a context that ends after d, or with the case.
func (t *scene) within(d time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(t.ctx, d)
}

// waitUntil waits for a time that the broker has named.
func (t *scene) waitUntil(when time.Time) {
	select {
	case <-time.After(time.Until(when)):
	case <-t.ctx.Done():
		t.fail("the case took longer than %s", caseTimeout)
	}
}

// eventually tries until it is so, for 20 s at most.
func (t *scene) eventually(what string, isSo func() bool) {
	end := time.Now().Add(20 * time.Second)
	for !isSo() {
		t.check(time.Now().Before(end), "not within 20 s: %s", what)
		t.waitUntil(time.Now().Add(50 * time.Millisecond))
	}
}
