package live

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"

	tea "charm.land/bubbletea/v2"
)

// refresh is how often a content is drawn.
const refresh = 200 * time.Millisecond

// ErrInterrupted says that Ctrl-C was pressed.
var ErrInterrupted = errors.New("interrupted")

// Content is what a screen shows: a [*Board] or a [*Panel].
type Content interface {
	// Frame is what is seen on a terminal of a size, with line feeds between the lines.
	Frame(width, height int, now time.Time) string
	// Press takes a key by its name and reports whether it was one to end.
	Press(key string) (quit bool)
}

// Screen is a content on a terminal.
type Screen[C Content] struct {
	mu      sync.Mutex
	content C

	program *tea.Program
	done    chan struct{}
	err     error
}

// Show takes over the terminal until Close, a key that ends it, or the end of ctx. in and out are the terminal.
func Show[C Content](ctx context.Context, c C, in io.Reader, out io.Writer) *Screen[C] {
	s := &Screen[C]{content: c, done: make(chan struct{})}
	m := &model{with: func(do func(Content)) { s.Update(func(c C) { do(c) }) }, width: 80, height: 24} // until the terminal says its own
	s.program = tea.NewProgram(m, tea.WithInput(in), tea.WithOutput(out), tea.WithoutSignalHandler())
	// Not by WithContext: a program that is killed closes its input while a goroutine still reads it.
	stop := context.AfterFunc(ctx, s.program.Quit)
	go func() {
		defer close(s.done)
		defer stop()
		_, err := s.program.Run()
		switch {
		case m.interrupted:
			s.err = ErrInterrupted
		case ctx.Err() != nil:
			s.err = context.Cause(ctx)
		default:
			s.err = err
		}
	}()
	return s
}

// Update changes the content.
func (s *Screen[C]) Update(change func(c C)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(s.content)
}

// Done is closed when the terminal has been given back.
func (s *Screen[C]) Done() <-chan struct{} { return s.done }

// Err is, after Done, why it ended: nil after q or Close, [ErrInterrupted] after Ctrl-C.
func (s *Screen[C]) Err() error { return s.err }

// Close gives the terminal back.
func (s *Screen[C]) Close() {
	s.program.Quit()
	<-s.done
}

// model is a content as bubbletea wants it.
type model struct {
	with          func(func(Content)) // one at a time
	width, height int
	interrupted   bool
}

// tick asks for a new frame.
type tick struct{}

func nextTick() tea.Cmd { return tea.Tick(refresh, func(time.Time) tea.Msg { return tick{} }) }

// Init begins.
func (m *model) Init() tea.Cmd { return nextTick() }

// Update takes a key, a size or a tick.
func (m *model) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case tick:
		return m, nextTick()
	case tea.WindowSizeMsg:
		m.width, m.height = msg.Width, msg.Height
	case tea.KeyPressMsg:
		key := msg.String()
		if msg.Text != "" && msg.Text != " " {
			key = msg.Text
		}
		quit := false
		m.with(func(c Content) { quit = c.Press(key) })
		if quit {
			m.interrupted = key == "ctrl+c"
			return m, tea.Quit
		}
	}
	return m, nil
}

// View draws the content.
func (m *model) View() tea.View {
	var frame string
	m.with(func(c Content) { frame = c.Frame(m.width, m.height, time.Now()) })
	v := tea.NewView(frame)
	v.AltScreen = true
	return v
}
