using GlanceGateway.Abstractions;
using Microsoft.Win32.SafeHandles;

namespace GlanceGateway.Plugins.FileSystem;

/// <summary>An image file on a disk of this machine, whose descriptor may be handed to the kernel.</summary>
internal sealed class LocalFileSource(SafeFileHandle file, FileStatus opened, int requestSize) : FileSource(file, opened, requestSize), ILocalFile
{
    public SafeFileHandle Handle => File;
}
