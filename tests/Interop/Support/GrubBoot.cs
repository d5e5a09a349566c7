using System.Diagnostics;
using System.Text;
using System.Text.RegularExpressions;

namespace GlanceGateway.Interop.Tests;

/// <summary>A machine without KVM that boots GRUB's rescue disk. SeaBIOS mirrors the screen to the serial console, so what GRUB draws is read there.</summary>
internal sealed partial class GrubBoot : IAsyncDisposable
{
    /// <summary>What GRUB says first: its core is loaded, everything else is still on the disk.</summary>
    public const string Welcome = "Welcome to GRUB!";

    /// <summary>A line of the menu in the image's own <c>grub.cfg</c>: GRUB has found, read and understood its file system.</summary>
    public const string MenuLine = "FreeBSD (or GNU/kFreeBSD), via /boot/loader";

    private readonly Process _qemu;
    private readonly Task<string> _errors;
    private readonly StringBuilder _console = new();
    private readonly CancellationTokenSource _limit = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);

    /// <param name="drive">QEMU's <c>-drive</c>.</param>
    /// <param name="limit">After which it counts as failed.</param>
    public GrubBoot(string drive, TimeSpan limit)
    {
        var start = new ProcessStartInfo("qemu-system-x86_64", ["-accel", "tcg", "-nographic", "-nodefaults", "-serial", "stdio", "-vga", "none", "-m", "128", "-drive", drive])
        {
            UseShellExecute = false,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        _limit.CancelAfter(limit);
        _qemu = Process.Start(start)!;
        _errors = _qemu.StandardError.ReadToEndAsync();
    }

    public bool HasExited => _qemu.HasExited;

    /// <summary>Whether a text was drawn so far. Between two letters the BIOS may move the cursor, and in place of a space as well.</summary>
    public bool Shows(string text) => Movement().Replace(_console.ToString(), "").Contains(Movement().Replace(text, ""), StringComparison.Ordinal);

    /// <summary>Waits until a text is drawn, the machine ends, or the limit is over.</summary>
    public async Task<bool> AwaitAsync(string text)
    {
        var buffer = new char[4096];
        try
        {
            while (!Shows(text) && await _qemu.StandardOutput.ReadAsync(buffer, _limit.Token) is var count and > 0)
            {
                _console.Append(buffer, 0, count);
            }
        }
        catch (OperationCanceledException)
        {
            // Who asked sees how far it came.
        }

        return Shows(text);
    }

    /// <summary>Ends the machine and tells what it drew and what QEMU complained of.</summary>
    public async Task<string> EndAsync()
    {
        _qemu.Kill();
        await _qemu.WaitForExitAsync(CancellationToken.None);
        return $"{_console}\n{await _errors}";
    }

    public async ValueTask DisposeAsync()
    {
        if (!_qemu.HasExited)
        {
            await EndAsync();
        }

        _qemu.Dispose();
        _limit.Dispose();
    }

    [GeneratedRegex(@"\x1b\[[0-9;?]*[A-Za-z]|\s", RegexOptions.CultureInvariant, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Movement();
}
