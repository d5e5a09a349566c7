using System.Text.Json;
using GlanceGateway.Abstractions;
using GlanceGateway.View;

namespace GlanceGateway.Host.Mounting;

// Images that shall always be here. A line of the file says which: an id, a name, tag:NAME, or name:NAME; 'hydrate:' before it means the disk inside as well.
// '#' begins a comment.
//
// * The file and the catalogue are looked at every few seconds; a new image with a listed name or tag is fetched, an image that is listed no more is unpinned.
//   A change of the file must read the same twice, so that an editor can finish. A file that cannot be read changes nothing.
// * Which pins are the list's is kept beside the cache: pins of an operator are not the list's to take off.
// * One image at a time; what failed is tried again, later and later.

/// <summary>Keeps the images of a warm list in the cache.</summary>
internal sealed class WarmList : IAsyncDisposable
{
    private const string Hydrate = "hydrate:";

    private static readonly TimeSpan s_interval = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan s_firstRetry = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan s_longestRetry = TimeSpan.FromMinutes(10);

    private readonly string _file;
    private readonly string _statePath;
    private readonly MountSteering _steering;
    private readonly ISteeredSource _source;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly CancellationTokenSource _stop = new();
    private readonly HashSet<string> _pinned;
    private readonly Dictionary<string, string> _kept = new(StringComparer.Ordinal);
    private readonly Dictionary<string, (int Failures, long Until, string Problem)> _failed = new(StringComparer.Ordinal);
    private readonly Lock _gate = new();
    private readonly Task _keeping;
    private string? _text;
    private string? _pending;
    private string? _problem;
    private int _wanted;

    /// <summary>Begins to keep.</summary>
    /// <param name="file">The list.</param>
    /// <param name="directory">Where the cache is.</param>
    /// <param name="steering">Fetches.</param>
    /// <param name="source">Knows the images.</param>
    /// <param name="time">The clock.</param>
    /// <param name="logger">Hears of trouble.</param>
    public WarmList(string file, string directory, MountSteering steering, ISteeredSource source, TimeProvider time, ILogger logger)
    {
        (_file, _statePath, _steering, _source, _time, _logger) = (file, Path.Join(directory, "warm-list.json"), steering, source, time, logger);
        _pinned = ReadState(_statePath);
        _keeping = Task.Run(KeepAsync);
    }

    /// <summary>Writes how far it is into an object that is open.</summary>
    public void WriteStatus(Utf8JsonWriter json)
    {
        lock (_gate)
        {
            json.WriteStartObject("warm_list");
            json.WriteString("file", _file);
            json.WriteString("problem", _problem);
            json.WriteNumber("wanted", _wanted);
            json.WriteNumber("kept", _kept.Count);
            json.WriteStartArray("failed");
            foreach (var (image, (_, _, problem)) in _failed)
            {
                json.WriteStartObject();
                json.WriteString("image", image);
                json.WriteString("problem", problem);
                json.WriteEndObject();
            }

            json.WriteEndArray();
            json.WriteEndObject();
        }
    }

    /// <summary>Stops; what is here stays.</summary>
    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _keeping;
        _stop.Dispose();
    }

    /// <summary>What a list says.</summary>
    internal static IReadOnlyList<(string Selector, bool Hydrate)> Parse(string text) =>
    [
        .. text.Split('\n').Select(line => line.Trim()).Where(line => line.Length > 0 && line[0] != '#')
            .Select(line => line.StartsWith(Hydrate, StringComparison.Ordinal) ? (line[Hydrate.Length..].Trim(), true) : (line, false)),
    ];

    private static HashSet<string> ReadState(string path)
    {
        try
        {
            return [.. JsonSerializer.Deserialize<string[]>(File.ReadAllText(path)) ?? []];
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException or JsonException)
        {
            return [];
        }
    }

    private async Task KeepAsync()
    {
        while (!_stop.IsCancellationRequested)
        {
            try
            {
                await LookAsync();
                await Task.Delay(s_interval, _time, _stop.Token);
            }
            catch (OperationCanceledException) when (_stop.IsCancellationRequested)
            {
                return;
            }
            catch (Exception fault)
            {
                Say(fault.Message);
                await Task.Delay(s_interval, _time, CancellationToken.None);
            }
        }
    }

    private async Task LookAsync()
    {
        if (ReadFile() is not { } text)
            return;
        var images = await _source.ListAsync(_stop.Token);
        // Nothing is known yet: that is no reason to let go of anything.
        if (images.Count == 0)
            return;
        Dictionary<string, (MountedImage Image, bool Hydrate)> wanted = new(StringComparer.Ordinal);
        foreach (var (selector, hydrate) in Parse(text))
        {
            foreach (var image in ImageSelector.Choose(selector, images))
                wanted[image.Id] = (image, hydrate || (wanted.TryGetValue(image.Id, out var other) && other.Hydrate));
        }

        LetGo(wanted);
        foreach (var (image, hydrate) in wanted.Values)
            await KeepAsync(image, hydrate);
    }

    private string? ReadFile()
    {
        try
        {
            var text = File.ReadAllText(_file);
            if (_text is null || text == _pending)
                _text = text;
            _pending = text;
            lock (_gate)
                _problem = null;
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            Say($"the list cannot be read, what is kept stays: {fault.Message}");
        }

        return _text;
    }

    private void LetGo(Dictionary<string, (MountedImage Image, bool Hydrate)> wanted)
    {
        lock (_gate)
        {
            _wanted = wanted.Count;
            foreach (var id in _kept.Keys.Concat(_failed.Keys).Where(id => !wanted.ContainsKey(id)).ToList())
            {
                _kept.Remove(id);
                _failed.Remove(id);
            }
        }

        var left = _pinned.Where(id => !wanted.ContainsKey(id)).ToList();
        foreach (var id in left)
        {
            _steering.Unpin(id);
            _pinned.Remove(id);
        }

        if (left.Count > 0)
            WriteState();
    }

    private async Task KeepAsync(MountedImage image, bool hydrate)
    {
        // The same id with other bytes is another image.
        var content = $"{image.Size}/{image.Attributes.GetValueOrDefault("os_hash_value") ?? image.Attributes.GetValueOrDefault("checksum")}/{hydrate}";
        lock (_gate)
        {
            if (_kept.GetValueOrDefault(image.Id) == content || (_failed.TryGetValue(image.Id, out var before) && _time.GetTimestamp() < before.Until))
                return;
        }

        // Written down first, so that no pin is ever nobody's.
        if (_pinned.Add(image.Id))
            WriteState();
        string? problem;
        try
        {
            problem = (await _steering.KeepAsync(image, hydrate, _stop.Token)).Problem;
        }
        catch (StoreException fault)
        {
            problem = fault.Message;
        }

        lock (_gate)
        {
            if (problem is null)
            {
                _kept[image.Id] = content;
                _failed.Remove(image.Id);
                return;
            }

            var failures = _failed.GetValueOrDefault(image.Id).Failures;
            var wait = s_firstRetry * Math.Pow(2, Math.Min(failures, 10));
            wait = wait < s_longestRetry ? wait : s_longestRetry;
            if (failures == 0)
                _logger.LogWarning("Image {Image} of the warm list is not kept yet: {Reason}", image.Id, problem);
            _failed[image.Id] = (failures + 1, _time.GetTimestamp() + (long)(wait.TotalSeconds * _time.TimestampFrequency), problem);
        }
    }

    private void Say(string problem)
    {
        lock (_gate)
        {
            if (_problem == problem)
                return;
            _problem = problem;
        }

        _logger.LogWarning("Warm list {File}: {Reason}", _file, problem);
    }

    private void WriteState()
    {
        var next = _statePath + ".next";
        File.WriteAllText(next, JsonSerializer.Serialize(_pinned.Order(StringComparer.Ordinal)));
        File.Move(next, _statePath, overwrite: true);
    }
}
