package profile

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/tidwall/gjson"

	"github.com/mqx-cli/mqx/internal/yamlfile"
)

// maxRecording bounds the files that a profile names.
const maxRecording = 256 << 20

func (s *sourceReader) readBeside(name string) ([]byte, error) {
	f, err := os.Open(s.relative(name))
	if err != nil {
		if pathError, ok := errors.AsType[*os.PathError](err); ok {
			return nil, fmt.Errorf("%s: %w", name, pathError.Err)
		}
		return nil, err
	}
	defer f.Close()
	if !slices.Contains(s.p.Files, name) {
		s.p.Files = append(s.p.Files, name)
	}
	text, err := io.ReadAll(io.LimitReader(f, maxRecording+1))
	if err == nil && len(text) > maxRecording {
		err = fmt.Errorf("%s: more than %d MiB", name, maxRecording>>20)
	}
	return text, err
}

// parseGroundSpeed reads a speed: 50km/h, 14m/s.
func parseGroundSpeed(text string) (float64, error) {
	for unit, factor := range map[string]float64{"km/h": 1 / 3.6, "m/s": 1, "kn": 1852.0 / 3600, "mph": 1609.344 / 3600} {
		digits, ok := strings.CutSuffix(text, unit)
		if !ok {
			continue
		}
		n, err := parseNumber(strings.TrimSpace(digits))
		if err == nil && n > 0 {
			return n * factor, nil
		}
	}
	return 0, fmt.Errorf("%q is not a speed like 50km/h", text)
}

// track reads a journey: a file of GPX, GeoJSON or CSV (lat, lon), or a list of [lat, lon].
func (s *sourceReader) track(p yamlfile.Pair) (Source, error) {
	t := &Track{}
	if items, ok := s.Items(p.Value); ok {
		for _, item := range items {
			var at Span
			pair, ok := s.Items(item)
			if !ok || len(pair) != 2 {
				return t, yamlfile.Mistakef("like [45.76, 4.84]", "a latitude and a longitude are expected")
			}
			for i, n := range []*float64{&at.Min, &at.Max} {
				if err := s.number(n)(yamlfile.Pair{Value: pair[i]}); err != nil {
					return t, err
				}
			}
			t.Points = append(t.Points, Point{Lat: at.Min, Lon: at.Max})
		}
		return t, nil
	}
	if err := s.text(&t.Name)(p); err != nil {
		return t, err
	}
	text, err := s.readBeside(t.Name)
	if err != nil {
		return t, err
	}
	switch ext := strings.ToLower(filepath.Ext(t.Name)); ext {
	case ".gpx":
		t.Points, err = readGPX(text)
	case ".json", ".geojson":
		t.Points, err = readGeoJSON(text)
	case ".csv":
		t.Points, err = readTrackCSV(text)
	default:
		err = fmt.Errorf("%s: .gpx, .geojson or .csv is expected", t.Name)
	}
	return t, err
}

// finishTrack checks a journey once its speed is known.
func (s *sourceReader) finishTrack(t *Track, p yamlfile.Pair) {
	t.Loop, t.Speed = s.loop, s.speed
	timed := true
	for i, point := range t.Points {
		if !(math.Abs(point.Lat) <= 90 && math.Abs(point.Lon) <= 180) {
			s.Problem(p.Key, fmt.Sprintf("track: point %d is no latitude and longitude: %v, %v", i+1, point.Lat, point.Lon), "")
			return
		}
		timed = timed && (i == 0 || point.At > t.Points[i-1].At)
	}
	switch {
	case len(t.Points) < 2:
		s.Problem(p.Key, "track: fewer than two points", "")
	case !timed && t.Speed == 0:
		s.Problem(p.Key, "track: the points have no times", "write speed: 50km/h")
	}
}

func readGPX(text []byte) ([]Point, error) {
	var gpx struct {
		Track []gpxPoint `xml:"trk>trkseg>trkpt"`
		Route []gpxPoint `xml:"rte>rtept"`
		Way   []gpxPoint `xml:"wpt"`
	}
	if err := xml.Unmarshal(text, &gpx); err != nil {
		return nil, fmt.Errorf("not GPX: %w", err)
	}
	all := gpx.Track
	if len(all) == 0 {
		all = gpx.Route
	}
	if len(all) == 0 {
		all = gpx.Way
	}
	points := make([]Point, len(all))
	for i, g := range all {
		points[i] = Point{Lat: g.Lat, Lon: g.Lon}
		if g.Elevation != nil {
			points[i].Alt, points[i].HasAlt = *g.Elevation, true
		}
		if !g.Time.IsZero() && !all[0].Time.IsZero() {
			points[i].At = g.Time.Sub(all[0].Time)
		}
	}
	return points, nil
}

type gpxPoint struct {
	Lat       float64   `xml:"lat,attr"`
	Lon       float64   `xml:"lon,attr"`
	Elevation *float64  `xml:"ele"`
	Time      time.Time `xml:"time"`
}

// readGeoJSON takes the first LineString of a document.
func readGeoJSON(text []byte) ([]Point, error) {
	if !json.Valid(text) {
		return nil, errors.New("not JSON")
	}
	line := gjson.Result{}
	for _, path := range []string{"coordinates", "geometry.coordinates", `features.#(geometry.type=="LineString").geometry.coordinates`} {
		if found := gjson.GetBytes(text, path); found.IsArray() && !line.Exists() {
			line = found
		}
	}
	var points []Point
	for _, c := range line.Array() {
		at := c.Array()
		if len(at) < 2 {
			return nil, errors.New("a LineString is expected")
		}
		p := Point{Lon: at[0].Float(), Lat: at[1].Float()}
		if len(at) > 2 {
			p.Alt, p.HasAlt = at[2].Float(), true
		}
		points = append(points, p)
	}
	return points, nil
}

func readTrackCSV(text []byte) ([]Point, error) {
	rows, err := readCSV(text)
	if err != nil {
		return nil, err
	}
	lat, lon, at := rows.column("lat", "latitude"), rows.column("lon", "lng", "longitude"), rows.column("time", "t")
	if lat < 0 || lon < 0 {
		return nil, errors.New("the columns lat and lon are expected")
	}
	var points []Point
	for i, row := range rows.rows {
		y, errY := parseNumber(row[lat])
		x, errX := parseNumber(row[lon])
		if err := errors.Join(errX, errY); err != nil {
			return nil, fmt.Errorf("row %d: %w", i+2, err)
		}
		p := Point{Lat: y, Lon: x}
		if at >= 0 {
			if p.At, err = rows.when(row[at]); err != nil {
				return nil, fmt.Errorf("row %d: %w", i+2, err)
			}
		}
		points = append(points, p)
	}
	return points, nil
}

// table is a CSV file with a header.
type table struct {
	header []string
	rows   [][]string
	first  time.Time
}

func readCSV(text []byte) (*table, error) {
	all, err := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(text, []byte("\xef\xbb\xbf")))).ReadAll()
	if err != nil {
		return nil, fmt.Errorf("not CSV: %w", err)
	}
	if len(all) < 2 {
		return nil, errors.New("a header and rows are expected")
	}
	for i := range all {
		for j := range all[i] {
			all[i][j] = strings.TrimSpace(all[i][j])
		}
	}
	return &table{header: all[0], rows: all[1:]}, nil
}

func (t *table) column(names ...string) int {
	for i, h := range t.header {
		for _, name := range names {
			if strings.EqualFold(h, name) {
				return i
			}
		}
	}
	return -1
}

// when reads a time, which counts from the first one: seconds, or RFC 3339.
func (t *table) when(text string) (time.Duration, error) {
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		n, err := parseNumber(text)
		if err != nil {
			return 0, fmt.Errorf("%q is no time", text)
		}
		at = time.UnixMicro(int64(n * 1e6))
	}
	if t.first.IsZero() {
		t.first = at
	}
	return at.Sub(t.first), nil
}

// replay reads recorded values: a column of CSV, or a member of JSON lines.
func (s *sourceReader) replay(p yamlfile.Pair) (Source, error) {
	r := &Replay{}
	return r, s.text(&r.Name)(p)
}

// finishReplay reads the recording once its column is known.
func (s *sourceReader) finishReplay(r *Replay, p yamlfile.Pair) {
	if r.Name == "" {
		return
	}
	r.Loop, r.Original = s.loop, s.original
	text, err := s.readBeside(r.Name)
	if err == nil {
		switch strings.ToLower(filepath.Ext(r.Name)) {
		case ".csv":
			r.Samples, err = replayCSV(text, s.column)
		case ".jsonl", ".ndjson", ".json":
			r.Samples, err = replayLines(text, s.column)
		default:
			err = fmt.Errorf("%s: .csv or .jsonl is expected", r.Name)
		}
	}
	if err == nil && len(r.Samples) == 0 {
		err = fmt.Errorf("%s has no value in it", r.Name)
	}
	if err == nil && r.Original && r.Samples[len(r.Samples)-1].At == 0 {
		err = fmt.Errorf("%s has no times, which pace: original needs", r.Name)
	}
	if err != nil {
		s.Problem(p.Key, "replay: "+err.Error(), "")
	}
}

func replayCSV(text []byte, column string) ([]Sample, error) {
	rows, err := readCSV(text)
	if err != nil {
		return nil, err
	}
	value, at := rows.column(column), rows.column("time", "t", "ts")
	if column == "" {
		value = len(rows.header) - 1
	}
	if value < 0 {
		return nil, fmt.Errorf("there is no column %q: %s", column, strings.Join(rows.header, ", "))
	}
	var samples []Sample
	for i, row := range rows.rows {
		sample := Sample{Value: scalarOfKey(row[value])}
		if at >= 0 && at != value {
			if sample.At, err = rows.when(row[at]); err != nil {
				return nil, fmt.Errorf("row %d: %w", i+2, err)
			}
		}
		samples = append(samples, sample)
	}
	return samples, nil
}

// replayLines takes a member of each line: of a capture's payload, or of the line itself.
func replayLines(text []byte, path string) ([]Sample, error) {
	times := &table{}
	var samples []Sample
	lines := bufio.NewScanner(bytes.NewReader(text))
	lines.Buffer(nil, maxRecording)
	for n := 1; lines.Scan(); n++ {
		line := lines.Bytes()
		if len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		if !json.Valid(line) {
			return nil, fmt.Errorf("line %d is not JSON", n)
		}
		v, ok := lineValue(line, path)
		if !ok {
			continue
		}
		sample := Sample{Value: v}
		for _, key := range []string{"time", "ts"} {
			if at := gjson.GetBytes(line, key); at.Exists() && sample.At == 0 {
				sample.At, _ = times.when(at.String()) // who needs times says that there are none
			}
		}
		samples = append(samples, sample)
	}
	return samples, lines.Err()
}

func lineValue(line []byte, path string) (any, bool) {
	paths := []string{"payload." + path, path}
	if path == "" {
		paths = []string{"payload.v", "payload.value", "payload", "v", "value"}
	}
	for _, path := range paths {
		switch found := gjson.GetBytes(line, path); found.Type {
		case gjson.Number:
			n, err := exact(found.Raw)
			return n, err == nil
		case gjson.String:
			return found.Str, true
		case gjson.True, gjson.False:
			return found.Bool(), true
		default:
		}
	}
	return nil, false
}
