using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using GlanceGateway.Formats;
using Microsoft.Extensions.Logging;

namespace GlanceGateway.View;

/// <summary>Verdicts that outlive the process, so that a start does not open every image again.</summary>
/// <remarks>
/// <para>A verdict counts for one content: the image's id, size and hash, and where there is no hash the time of its last change, with what it is said to be.
/// It counts for one set of rules: those of the build that wrote it. Whatever differs is examined anew, and so is everything when the file is
/// missing, torn or of another build.</para>
/// <para>The file is replaced as a whole, at most once in <see cref="s_gather"/>; a process that dies before loses that second's verdicts and nothing else.</para>
/// </remarks>
internal sealed class VerdictFile : IAsyncDisposable
{
    private static readonly TimeSpan s_gather = TimeSpan.FromSeconds(1);

    /// <summary>Changes with every change of the checks and of the readers of formats.</summary>
    private static readonly string s_rules = typeof(FormatInspector).Module.ModuleVersionId.ToString("N");

    private readonly Lock _lock = new();
    private readonly SemaphoreSlim _saving = new(1);
    private readonly Dictionary<string, Kept> _kept;
    private readonly string _path;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private bool _isChanged;

    internal VerdictFile(string path, TimeProvider time, ILogger logger)
    {
        (_path, _time, _logger) = (path, time, logger);
        _kept = Read(path);
    }

    /// <summary>What was found in an earlier life, if it still counts.</summary>
    internal Verdict? Find(MountedImage image)
    {
        lock (_lock)
        {
            return _kept.TryGetValue(image.Id, out Kept? kept) && kept.Of == FingerprintOf(image) ? new Verdict(kept.Safe, kept.Raw, kept.Reason) : null;
        }
    }

    /// <summary>Keeps a verdict.</summary>
    internal void Keep(MountedImage image, Verdict verdict)
    {
        lock (_lock)
        {
            _kept[image.Id] = new Kept(FingerprintOf(image), verdict.IsSafe, verdict.RawSize, verdict.Reason);
            SaveSoon();
        }
    }

    /// <summary>Forgets images that are gone.</summary>
    internal void Forget(IEnumerable<string> ids)
    {
        lock (_lock)
        {
            foreach (string id in ids)
            {
                if (_kept.Remove(id))
                {
                    SaveSoon();
                }
            }
        }
    }

    /// <summary>Forgets all other images.</summary>
    internal void Retain(IReadOnlySet<string> ids)
    {
        lock (_lock)
        {
            Forget([.. _kept.Keys.Where(id => !ids.Contains(id))]);
        }
    }

    /// <summary>Writes what is not written yet.</summary>
    public async ValueTask DisposeAsync() => await SaveAsync();

    /// <summary>What a verdict about an image is a verdict about.</summary>
    internal static string FingerprintOf(MountedImage image)
    {
        bool hasHash = image.Attributes.ContainsKey("os_hash_value") || image.Attributes.ContainsKey("checksum");
        string text = string.Join(
            '\n', ImageNode.ContentOf(image), hasHash ? "" : image.UpdatedAt.ToString("O"), image.DiskFormat, image.Attributes.GetValueOrDefault("container_format"),
            image.IsUnexamined ? "examined" : "trusted");
        return Convert.ToBase64String(SHA256.HashData(Encoding.UTF8.GetBytes(text)).AsSpan(0, 24));
    }

    private static Dictionary<string, Kept> Read(string path)
    {
        try
        {
            Content? content = JsonSerializer.Deserialize(File.ReadAllBytes(path), VerdictJson.Default.Content);
            return content is not null && content.Rules == s_rules ? new(content.Verdicts, StringComparer.Ordinal) : new(StringComparer.Ordinal);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or JsonException)
        {
            return new(StringComparer.Ordinal);
        }
    }

    /// <summary>Under the lock.</summary>
    private void SaveSoon()
    {
        if (!_isChanged)
        {
            _isChanged = true;
            _ = Task.Delay(s_gather, _time).ContinueWith(_ => SaveAsync(), CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default).Unwrap();
        }
    }

    private async Task SaveAsync()
    {
        await _saving.WaitAsync();
        try
        {
            byte[] text;
            lock (_lock)
            {
                if (!_isChanged)
                {
                    return;
                }

                _isChanged = false;
                text = JsonSerializer.SerializeToUtf8Bytes(new Content(s_rules, _kept), VerdictJson.Default.Content);
            }

            string next = _path + ".next";
            FileStreamOptions options = new() { Mode = FileMode.Create, Access = FileAccess.Write, UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite };
            await using (FileStream file = new(next, options))
            {
                await file.WriteAsync(text);
                file.Flush(flushToDisk: true);
            }

            File.Move(next, _path, overwrite: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            ViewLog.VerdictsNotKept(_logger, e.Message);
        }
        finally
        {
            _saving.Release();
        }
    }

    /// <param name="Rules">Of which build.</param>
    /// <param name="Verdicts">By image.</param>
    internal sealed record Content(string Rules, Dictionary<string, Kept> Verdicts);

    /// <param name="Of">Of which content.</param>
    /// <param name="Safe">Whether it may be shown.</param>
    /// <param name="Raw">Bytes of the disk inside.</param>
    /// <param name="Reason">Why not.</param>
    internal sealed record Kept(string Of, bool Safe, long? Raw, string? Reason);
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(VerdictFile.Content))]
internal sealed partial class VerdictJson : JsonSerializerContext;
