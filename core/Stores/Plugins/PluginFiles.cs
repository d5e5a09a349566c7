using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using GlanceGateway.Abstractions;

namespace GlanceGateway.Stores;

/// <summary>
/// The files of a plugin's folder as a whole: whether they changed, what they are, and a private copy of them.
/// <para>
/// A plugin's hash is the SHA-256 of the list that <c>sha256sum</c> prints of its files in the order of their names, so an operator can make it
/// without this program: <c>find . -type f -printf '%P\n' | LC_ALL=C sort | xargs -d '\n' sha256sum | sha256sum</c>.
/// </para>
/// </summary>
internal static class PluginFiles
{
    private const int MostFiles = 2000;
    private const long MostBytes = 512L << 20;
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;

    /// <summary>Text that differs whenever anything in the folder was written, replaced, added or removed; null while it cannot be examined.
    /// Cheap: nothing is read.</summary>
    public static string? FingerprintOf(string folder)
    {
        try
        {
            var text = new StringBuilder();
            foreach (var file in List(folder))
                text.Append(CultureInfo.InvariantCulture, $"{file} {FileOwner.StateOf(Path.Combine(folder, file))}\n");
            return Hex(SHA256.HashData(Encoding.UTF8.GetBytes(text.ToString())));
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or StoreException)
        {
            return null;
        }
    }

    /// <summary>The plugin's hash, 64 lower-case hexadecimal digits.</summary>
    /// <exception cref="StoreException">The folder is too large to be a plugin.</exception>
    /// <exception cref="IOException">A file cannot be read.</exception>
    public static string HashOf(string folder) => Read(folder, (_, _) => { });

    /// <summary>Copies the folder into a new directory that only this user can reach, hashing the very bytes that it writes: what is hashed is what
    /// will be loaded, whatever happens to the folder afterwards.</summary>
    /// <returns>The hash of the copy.</returns>
    /// <exception cref="StoreException">The folder is too large to be a plugin.</exception>
    /// <exception cref="IOException">A file cannot be read or the copy not be written.</exception>
    public static string CopyTo(string folder, string copy)
    {
        Directory.CreateDirectory(copy, OwnerOnly);
        return Read(folder, (file, bytes) =>
        {
            var target = Path.Combine(copy, file);
            Directory.CreateDirectory(Path.GetDirectoryName(target)!, OwnerOnly);
            using var stream = new FileStream(target, new FileStreamOptions
            {
                Mode = FileMode.CreateNew,
                Access = FileAccess.Write,
                UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
            });
            stream.Write(bytes);
        });
    }

    private static string Read(string folder, Action<string, byte[]> take)
    {
        using var whole = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var total = 0L;
        foreach (var file in List(folder))
        {
            var bytes = File.ReadAllBytes(Path.Combine(folder, file));
            total += bytes.Length;
            if (total > MostBytes)
                throw TooLarge(folder);
            whole.AppendData(Encoding.UTF8.GetBytes($"{Hex(SHA256.HashData(bytes))}  {file}\n"));
            take(file, bytes);
        }

        return Hex(whole.GetHashAndReset());
    }

    private static List<string> List(string folder)
    {
        var files = Directory.EnumerateFiles(folder, "*", new EnumerationOptions { RecurseSubdirectories = true, AttributesToSkip = FileAttributes.None, IgnoreInaccessible = false })
            .Take(MostFiles + 1)
            .Select(file => Path.GetRelativePath(folder, file))
            .Order(StringComparer.Ordinal)
            .ToList();
        return files.Count <= MostFiles ? files : throw TooLarge(folder);
    }

    private static string Hex(byte[] hash) => Convert.ToHexStringLower(hash);

    private static StoreException TooLarge(string folder) =>
        new(StoreError.Misconfigured, $"'{folder}' holds more than {MostFiles} files or {MostBytes >> 20} MiB, which no plugin needs. Remove what does not belong there.");
}
