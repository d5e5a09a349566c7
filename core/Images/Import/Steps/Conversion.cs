using System.Diagnostics;
using System.Globalization;
using System.Text;
using GlanceGateway.Abstractions;
using GlanceGateway.Formats;
using GlanceGateway.Registry;
using Microsoft.Extensions.Logging;

namespace GlanceGateway.Images;

/// <summary>
/// <c>image_conversion</c>: disks become disks of one format, by <c>qemu-img</c> in a process of its own.
/// </summary>
/// <remarks>
/// What comes from strangers meets a large parser in C here, so:
/// the data is inspected first, and refused when it is unsafe or not of the image's <c>disk_format</c>, whatever uploads are allowed;
/// the program is told the format that was found and guesses nothing; it gets names that are made here, no shell, no environment;
/// its address space, processor time and files are limited (prlimit), its life as well; what it makes is inspected like an upload before it counts.
/// A CD stays one, and so does what is in other containers than <c>bare</c>: it is not a disk.
/// </remarks>
internal sealed class Conversion(ConversionOptions options, ImageOptions imageOptions, ILogger log) : IImportStep, IDisposable
{
    private const UnixFileMode UserOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;

    // It has up to 64 threads, the more the slower the disk. With 8 MiB of stack and a heap of 64 MiB for each they would meet the limit of its address
    // space now and then, and the conversion end.
    private const int ThreadStackBytes = 1 << 20;

    private readonly SemaphoreSlim places = new(options.Parallel);

    public string Name => ImportStepNames.Conversion;

    public async Task<StepResult?> RunAsync(Image image, IByteSource source, CancellationToken cancellationToken)
    {
        if (image.ContainerFormat != "bare" || image.DiskFormat == options.OutputFormat || image.DiskFormat == "iso")
        {
            return null;
        }

        var length = source.Length ?? throw Refusal("its length is not known");
        var found = await FormatInspector.InspectAsync(source.ReadAsync, length, cancellationToken);
        var verdict = FormatRules.Judge(image.DiskFormat!, "bare", found, FormatPolicy.Default, length);
        if (verdict is not FormatVerdict.Accepted accepted)
        {
            throw new ImageException(ImageError.UnsupportedContent, ((FormatVerdict.Refused)verdict).Message);
        }

        var inputFormat = NameOf(found, image.DiskFormat!);
        var disk = inputFormat == "raw" ? length : accepted.VirtualSize ?? throw Refusal("the size of its disk is not known");
        if (disk > imageOptions.SizeCap)
        {
            throw new ImageException(ImageError.TooLarge, $"Image exceeds the maximum allowed size of {imageOptions.SizeCap} bytes.");
        }

        // A disk that does not shrink by conversion needs some more for the tables of its format.
        var needed = length + disk + (disk / 64) + (1 << 20);
        Directory.CreateDirectory(options.ScratchDirectory);
        if (needed > options.ScratchBytes || needed > new DriveInfo(options.ScratchDirectory).AvailableFreeSpace)
        {
            throw new ImageException(ImageError.TooLarge, "The disk is too large to be converted here.");
        }

        await places.WaitAsync(cancellationToken);
        var scratch = new Scratch(places, Path.Join(options.ScratchDirectory, $"convert-{Guid.NewGuid():N}"));
        try
        {
            Directory.CreateDirectory(scratch.Path, UserOnly);
            var (input, output) = (Path.Join(scratch.Path, "input"), Path.Join(scratch.Path, "output"));
            await using (var file = new FileStream(input, FileMode.CreateNew, FileAccess.Write, FileShare.None, bufferSize: 0, FileOptions.Asynchronous))
            await using (var data = await source.OpenRangeAsync(0, null, cancellationToken))
            {
                await data.CopyToAsync(file, 1 << 20, cancellationToken);
            }

            await ConvertAsync(image.Id, inputFormat, input, output, disk + (disk / 64) + (1 << 20), cancellationToken);
            File.Delete(input);
            var converted = new FileStream(output, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 0, FileOptions.Asynchronous);
            var format = options.OutputFormat;
            return new StepResult(
                converted, converted.Length, changed => changed.WithFormatsBefore() with { DiskFormat = format, ContainerFormat = "bare" }, scratch);
        }
        catch
        {
            scratch.Dispose();
            throw;
        }
    }

    public void Dispose() => places.Dispose();

    private static ImageException Refusal(string reason) => new(ImageError.UnsupportedContent, $"The disk cannot be converted: {reason}.");

    /// <summary>What <c>qemu-img</c> calls the format.</summary>
    private static string NameOf(InspectionResult found, string diskFormat)
    {
        if (found.IsRaw || found.Detected[0] == DiskFormat.Gpt || diskFormat == DiskFormatNames.Raw)
        {
            return diskFormat is "raw" or "gpt" ? "raw" : throw Refusal($"nothing here reads {diskFormat}");
        }

        return found.Detected[0] switch
        {
            DiskFormat.Qcow2 => "qcow2",
            DiskFormat.Vhd => "vpc",
            DiskFormat.Vhdx => "vhdx",
            DiskFormat.Vmdk => "vmdk",
            DiskFormat.Vdi => "vdi",
            var other => throw Refusal($"nothing here reads {other.Name()}"),
        };
    }

    private async Task ConvertAsync(string imageId, string inputFormat, string input, string output, long mostBytes, CancellationToken cancellationToken)
    {
        var start = new ProcessStartInfo("prlimit")
        {
            UseShellExecute = false,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = Path.GetDirectoryName(output),
        };
        foreach (var argument in (string[])
        [
            string.Create(CultureInfo.InvariantCulture, $"--as={options.MemoryBytes}"),
            string.Create(CultureInfo.InvariantCulture, $"--cpu={(long)Math.Ceiling(options.ProcessorTime.TotalSeconds)}"),
            string.Create(CultureInfo.InvariantCulture, $"--fsize={mostBytes}"),
            "--core=0",
            string.Create(CultureInfo.InvariantCulture, $"--stack={ThreadStackBytes}"),
            "qemu-img", "convert", "-f", inputFormat, "-O", options.OutputFormat,
            .. options.OutputFormat == "vmdk" ? (string[])["-o", "subformat=streamOptimized"] : [],
            input, output,
        ])
        {
            start.ArgumentList.Add(argument);
        }

        // No configuration, preloaded library or locale of the gateway's reaches the program.
        start.Environment.Clear();
        start.Environment["MALLOC_ARENA_MAX"] = "1";
        start.Environment["PATH"] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
        using var limit = new CancellationTokenSource(options.Timeout);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, limit.Token);
        using var process = Process.Start(start) ?? throw new InvalidOperationException("A new process is always one.");
        try
        {
            process.StandardInput.Close();
            var words = await Task.WhenAll(ReadSomeAsync(process.StandardOutput, either.Token), ReadSomeAsync(process.StandardError, either.Token));
            await process.WaitForExitAsync(either.Token);
            if (process.ExitCode != 0)
            {
                ImageLog.ConversionFailed(log, imageId, process.ExitCode, words[1].Trim());
                throw Refusal("the converter does not accept it, or needs more than it may have");
            }
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw Refusal("it takes too long");
        }
        finally
        {
            if (!process.HasExited)
            {
                process.Kill(entireProcessTree: true);
                await process.WaitForExitAsync(CancellationToken.None);
            }
        }
    }

    /// <summary>Reads to the end and keeps the beginning: the program's words quote the image's.</summary>
    private static async Task<string> ReadSomeAsync(StreamReader reader, CancellationToken cancellationToken)
    {
        const int Most = 1000;
        var kept = new StringBuilder();
        var buffer = new char[1024];
        while (await reader.ReadAsync(buffer, cancellationToken) is var count and > 0)
        {
            kept.Append(buffer.AsSpan(0, Math.Min(count, Most - kept.Length)));
        }

        return kept.ToString();
    }

    /// <summary>One conversion's place and directory.</summary>
    private sealed class Scratch(SemaphoreSlim places, string path) : IDisposable
    {
        public string Path { get; } = path;

        public void Dispose()
        {
            try
            {
                Directory.Delete(Path, recursive: true);
            }
            catch (DirectoryNotFoundException)
            {
                // It could not even be made.
            }
            finally
            {
                places.Release();
            }
        }
    }
}
