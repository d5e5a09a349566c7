using System.Threading.Channels;
using GlanceGateway.Abstractions;
using GlanceGateway.Formats;
using GlanceGateway.Formats.Raw;
using Microsoft.Extensions.Logging;

namespace GlanceGateway.View;

/// <summary>
/// Stands between the catalogue and the tree: looks into images before they are shown, and finds out how large the disks inside them are.
/// </summary>
/// <remarks>
/// <para>An image that its source has not checked (<see cref="MountedImage.IsUnexamined"/>) is held back until its header passed the safety checks, and
/// for ever when it does not. Others are shown at once and get their raw view when it is known.</para>
/// <para>A verdict belongs to the content and to what it is said to be; without a hash, to the time of its last change. It is kept as long as the image is in the catalogue, over restarts too
/// (<see cref="VerdictFile"/>). A source that cannot be read is
/// asked again after a growing time. Everything that reaches the tree goes through <see cref="Apply"/> or <see cref="ShowLaterAsync"/>, one at a time, so a late
/// verdict never brings back an image that went meanwhile.</para>
/// </remarks>
internal sealed class Examiner : IAsyncDisposable
{
    /// <summary>Images looked into at once: a few reads of each, mostly waiting.</summary>
    private const int Workers = 4;

    private static readonly TimeSpan s_firstRetry = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan s_longestRetry = TimeSpan.FromMinutes(5);

    /// <summary>Verdicts wait for each other this long, so that a thousand of them are not a thousand new listings.</summary>
    private static readonly TimeSpan s_gather = TimeSpan.FromMilliseconds(20);

    private readonly Lock _lock = new();
    private readonly Dictionary<string, Known> _known = [];
    private readonly List<(Known Image, Verdict Verdict)> _done = [];
    private readonly Channel<Known> _queue = Channel.CreateUnbounded<Known>();
    private readonly CancellationTokenSource _stopping = new();
    private readonly IImageSource _source;
    private readonly Action<CatalogueUpdate> _show;
    private readonly TimeSpan _timeout;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly VerdictFile? _kept;
    private readonly Task[] _workers;
    private long _examinations;
    private bool _isGathering;

    internal Examiner(IImageSource source, Action<CatalogueUpdate> show, TimeSpan timeout, TimeProvider time, ILogger logger, VerdictFile? kept = null)
    {
        _source = source;
        _kept = kept;
        _show = show;
        _timeout = timeout;
        _time = time;
        _logger = logger;
        _workers = [.. Enumerable.Range(0, Workers).Select(_ => Task.Run(WorkAsync))];
    }

    /// <summary>Images that were opened to be looked into, by this process.</summary>
    internal long Examinations => Interlocked.Read(ref _examinations);

    /// <summary>Images that are not shown.</summary>
    internal int HeldBack
    {
        get
        {
            lock (_lock)
            {
                return _known.Values.Count(IsHidden);
            }
        }
    }

    /// <summary>Images that are held back or have no raw view, with the reason; for people.</summary>
    internal IReadOnlyList<(string Id, bool IsHidden, string Reason)> Findings
    {
        get
        {
            lock (_lock)
            {
                return [.. _known.Values
                    .Where(image => image.Verdict is not { Reason: null })
                    .Select(image => (image.Image.Id, IsHidden(image), image.Verdict?.Reason ?? "not examined yet"))];
            }
        }
    }

    /// <summary>Whether each image that is held back has been looked into at least once.</summary>
    /// <param name="hiddenOnly">False to count those as well that are shown and may get a raw view.</param>
    internal bool IsSettled(bool hiddenOnly)
    {
        lock (_lock)
        {
            return _known.Values.All(known => known.Verdict is not null || known.Failures > 0 || (hiddenOnly && !known.Image.IsUnexamined));
        }
    }

    /// <summary>Passes an update on, without what must wait.</summary>
    internal void Apply(CatalogueUpdate update)
    {
        lock (_lock)
        {
            if (update.IsSnapshot)
            {
                HashSet<string> shown = [.. update.Shown.Select(image => image.Id)];
                foreach (string id in _known.Keys.Where(id => !shown.Contains(id)).ToList())
                {
                    _known.Remove(id);
                }

                _kept?.Retain(shown);
            }

            foreach (string id in update.Gone)
            {
                _known.Remove(id);
            }

            _kept?.Forget(update.Gone);

            List<MountedImage> visible = [];
            List<string> gone = [.. update.Gone];
            foreach (MountedImage image in update.Shown)
            {
                Known known = Learn(image);
                if (IsHidden(known))
                {
                    gone.Add(image.Id);
                }
                else
                {
                    visible.Add(known.Shown);
                }
            }

            _show(new CatalogueUpdate(update.IsSnapshot, visible, update.IsSnapshot ? [] : gone));
        }
    }

    /// <summary>Ends the examinations.</summary>
    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync();
        _queue.Writer.TryComplete();
        await Task.WhenAll(_workers);
        if (_kept is not null)
        {
            await _kept.DisposeAsync();
        }

        _stopping.Dispose();
    }

    private static bool IsHidden(Known known) => known.Image.IsUnexamined && known.Verdict is not { IsSafe: true };

    private Known Learn(MountedImage image)
    {
        string content = VerdictFile.FingerprintOf(image);
        if (_known.TryGetValue(image.Id, out Known? known) && known.Content == content)
        {
            known.Image = image;
            return known;
        }

        _known[image.Id] = known = new Known(image, content);
        if (!image.IsUnexamined && (RawView.IsPlain(image.DiskFormat) || !HasRawView(image)))
        {
            known.Verdict = new Verdict(IsSafe: true, HasRawView(image) ? image.Size : null, Reason: null);
        }
        else if (_kept?.Find(image) is { } verdict)
        {
            known.Verdict = verdict;
            Log(image, verdict);
        }
        else
        {
            _queue.Writer.TryWrite(known);
        }

        return known;
    }

    internal static bool HasRawView(MountedImage image) =>
        RawView.Reads(image.DiskFormat) && (!image.Attributes.TryGetValue("container_format", out string? container) || container == "bare");

    private async Task WorkAsync()
    {
        await foreach (Known known in _queue.Reader.ReadAllAsync(CancellationToken.None))
        {
            if (_stopping.IsCancellationRequested)
            {
                return;
            }

            lock (_lock)
            {
                if (!_known.TryGetValue(known.Image.Id, out Known? current) || current != known)
                {
                    continue;
                }
            }

            using CancellationTokenSource deadline = CancellationTokenSource.CreateLinkedTokenSource(_stopping.Token);
            deadline.CancelAfter(_timeout);
            try
            {
                Finish(known, await ExamineAsync(known.Image, deadline.Token));
            }
            catch (Exception e) when (!_stopping.IsCancellationRequested)
            {
                Retry(known, e);
            }
            catch (Exception)
            {
                return;
            }
        }
    }

    /// <exception cref="StoreException">The image cannot be read.</exception>
    private async Task<Verdict> ExamineAsync(MountedImage image, CancellationToken cancellationToken)
    {
        Interlocked.Increment(ref _examinations);
        IByteSource source = await _source.OpenAsync(image.Id, cancellationToken)
            ?? throw new StoreException(StoreError.Unavailable, "The image is gone or forbidden.", image.Id);
        await using (source)
        {
            if (image.IsUnexamined)
            {
                InspectionResult inspection = await FormatInspector.InspectAsync(source.ReadAsync, image.Size, cancellationToken);
                string container = image.Attributes.GetValueOrDefault("container_format", "bare");
                if (FormatRules.Judge(image.DiskFormat ?? "raw", container, inspection, FormatPolicy.Default, image.Size) is FormatVerdict.Refused refused)
                {
                    return new Verdict(IsSafe: false, RawSize: null, refused.Message);
                }
            }

            if (!HasRawView(image))
            {
                return new Verdict(IsSafe: true, RawSize: null, Reason: null);
            }

            try
            {
                // The view is the source's last user here, and disposing of a source twice is allowed.
                IByteSource view = await RawView.OpenAsync(source, image.DiskFormat!, cancellationToken);
                return new Verdict(IsSafe: true, view.Length, Reason: null);
            }
            catch (RawViewException e)
            {
                return new Verdict(IsSafe: true, RawSize: null, e.Message);
            }
        }
    }

    private void Finish(Known known, Verdict verdict)
    {
        Log(known.Image, verdict);
        _kept?.Keep(known.Image, verdict);
        lock (_lock)
        {
            _done.Add((known, verdict));
            if (!_isGathering)
            {
                _isGathering = true;
                _ = ShowLaterAsync();
            }
        }
    }

    private void Log(MountedImage image, Verdict verdict)
    {
        if (verdict.Reason is { } reason)
        {
            (verdict.IsSafe ? (Action<ILogger, string, string>)ViewLog.NoRawView : ViewLog.Hidden)(_logger, image.Id, reason);
        }
    }

    private async Task ShowLaterAsync()
    {
        await Task.Delay(s_gather, _time, CancellationToken.None);
        lock (_lock)
        {
            _isGathering = false;
            List<MountedImage> visible = [];
            foreach ((Known known, Verdict verdict) in _done)
            {
                known.Verdict = verdict;
                if (_known.TryGetValue(known.Image.Id, out Known? current) && current == known && !IsHidden(known))
                {
                    visible.Add(known.Shown);
                }
            }

            _done.Clear();
            if (visible.Count != 0 && !_stopping.IsCancellationRequested)
            {
                _show(new CatalogueUpdate(IsSnapshot: false, visible, []));
            }
        }
    }

    private void Retry(Known known, Exception exception)
    {
        TimeSpan wait = s_firstRetry * Math.Pow(2, Math.Min(known.Failures++, 10));
        wait = wait < s_longestRetry ? wait : s_longestRetry;
        ViewLog.ExaminationFailed(_logger, exception, known.Image.Id, wait.TotalSeconds);
        _ = Task.Delay(wait, _time, _stopping.Token).ContinueWith(
            _ => _queue.Writer.TryWrite(known), CancellationToken.None, TaskContinuationOptions.OnlyOnRanToCompletion, TaskScheduler.Default);
    }

    private sealed class Known(MountedImage image, string content)
    {
        internal MountedImage Image { get; set; } = image;

        internal string Content { get; } = content;

        internal Verdict? Verdict { get; set; }

        internal int Failures { get; set; }

        internal MountedImage Shown => Image with { RawSize = Verdict?.RawSize };
    }
}
